"""What grows with frames, clips, shards and workers: measured, then extrapolated."""
