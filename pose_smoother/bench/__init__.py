"""Timing two ways of doing one thing, and the table of speed goals of both programs."""
