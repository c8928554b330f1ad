"""What ``ps.inspect`` reports: what a file of keypoints holds, and what is wrong with it."""
