"""Faults on purpose: the rows of docs/reliability.md as modules, rerun by one command."""
