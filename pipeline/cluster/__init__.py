"""Shards on many machines: Dask hands the tasks out; each runs in a child of its worker."""
