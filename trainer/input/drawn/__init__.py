"""Heatmaps drawn into memory that is kept from batch to batch."""
