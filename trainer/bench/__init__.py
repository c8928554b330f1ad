"""How fast training is on this machine, beside what it is held to: ``trainer bench``."""
