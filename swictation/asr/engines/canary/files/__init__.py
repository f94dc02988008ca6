"""Reads a model's files without NeMo or torch: archive, configuration and weights."""
