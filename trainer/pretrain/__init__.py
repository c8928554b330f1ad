"""Training of the pretrained smoother that ships in `pose_smoother/pretrained`."""
