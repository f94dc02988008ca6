"""How files of a model from outside get onto the disk."""
