"""What a spool folder looks like from outside, for readers only: no numpy is imported."""

LOCK = "lock"
"""Held while the folder's process lives."""
HEADER_BYTES = 44
"""The size of a sound's header: each is a WAV file."""
