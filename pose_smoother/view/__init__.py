"""One offline page on which the raw and the smoothed keypoints of a file can be watched."""
