"""Scores of predicted positions, and the tidy rows made from them."""
