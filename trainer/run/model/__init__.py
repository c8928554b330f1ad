"""A run's model: made, named when a number is not finite, and tested."""
