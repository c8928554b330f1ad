"""Timing functions against each other, and the table of speed goals of both programs."""
