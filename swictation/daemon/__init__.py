"""Puts the stages together and keeps them running."""
