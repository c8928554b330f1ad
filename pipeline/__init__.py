"""Pose annotations in, a sharded store of ground-truth heatmap windows out (no torch here)."""
