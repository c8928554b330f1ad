"""One module for each row of faults."""
