"""Using a trained smoother."""
