"""Keypoints of a file as tracks: names, skeletons, formats."""
