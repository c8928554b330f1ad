"""Results: scores, tables, and ``load``, which reads all runs of a folder into one DataFrame."""

from trainer.results.runs import load

__all__ = ["load"]
