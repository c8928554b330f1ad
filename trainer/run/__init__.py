"""A run while it runs: its folder and lock, signals, progress."""
