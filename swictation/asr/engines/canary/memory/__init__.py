"""A model's memory on a device: computed before it is loaded, and reported while it is."""
