"""Shards on many machines: Dask hands the tasks out, and gives those of a lost worker to others."""
