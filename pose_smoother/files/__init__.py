"""Writing files safely: atomic writes, locks, and errors of a full or failing disk."""
