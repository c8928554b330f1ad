"""Files at an fsspec address: named, read, cached, uploaded."""
