"""Writes a model's files from outside onto the disk."""
