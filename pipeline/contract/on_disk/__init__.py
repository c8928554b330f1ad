"""What a store's files are made of: chunks of rows, and how each format writes and checks them."""
