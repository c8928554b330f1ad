"""From a store to batches: resident positions, rendering, streamed heatmaps."""
