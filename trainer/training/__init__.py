"""One run's training: configuration, loop, step, loss, schedule."""
