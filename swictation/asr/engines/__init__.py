"""The engines, a folder each. Only their providers are imported outside of the worker."""
