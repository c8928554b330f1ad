"""Stored heatmaps on their way to batches: in which order, read ahead, stored as nonzero pixels."""
