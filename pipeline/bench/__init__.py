"""How fast annotations become a store on this machine: ``pipeline bench``."""
