"""What a model takes of a device's memory: counted before it is loaded, and told while it is."""
