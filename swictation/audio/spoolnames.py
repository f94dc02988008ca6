"""What a spool folder looks like from outside, for readers only: no numpy is imported."""

LOCK = "lock"
"""Held while the folder's process lives."""
HEADER_BYTES = 44
"""Of each sound, which is a WAV file."""
