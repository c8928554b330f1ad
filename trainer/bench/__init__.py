"""How fast training is on this machine, compared with its goals: ``trainer bench``."""
