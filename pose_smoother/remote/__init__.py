"""Stores and sources that lie at an fsspec address: named, read, cached, uploaded."""
