"""The engines' models: known by name, checked by hash, kept in one folder each."""
