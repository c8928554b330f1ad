"""Stored heatmaps on their way to batches: in which order, read ahead, held by what is not zero."""
