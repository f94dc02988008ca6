"""Engines: one file or folder each, imported in the worker only."""
