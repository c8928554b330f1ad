"""A detector's noise, measured from its output and ground truth on the same frames."""
