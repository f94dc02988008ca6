"""How anything of a model that comes from outside gets onto the disk."""
