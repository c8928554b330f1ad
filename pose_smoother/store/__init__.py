"""The store: what it holds, and how each format writes, reads and checks it."""
