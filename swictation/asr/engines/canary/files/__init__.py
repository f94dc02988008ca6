"""A model's files: NeMo's archive, configuration and weights, read without NeMo or torch."""
