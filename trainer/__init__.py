"""Train, evaluate and use temporal models that smooth noisy keypoints."""
