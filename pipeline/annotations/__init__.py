"""Annotations before they become a store: fetched, looked at, made up."""
