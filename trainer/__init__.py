"""Train, judge and use temporal models that smooth noisy keypoints."""
