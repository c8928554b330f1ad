"""From a store to batches: resident positions, noise, rendering, streamed heatmaps."""
