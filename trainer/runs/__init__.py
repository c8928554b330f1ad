"""A run's folder: layout, lock, state, checkpoints, signals, results."""
