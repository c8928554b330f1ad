"""Evaluating models and classical filters on a split."""
