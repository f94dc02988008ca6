"""The models known by name."""
