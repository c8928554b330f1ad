"""One run by several processes, as torchrun starts them: each computes its share of every batch."""
