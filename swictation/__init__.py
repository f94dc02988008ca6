"""A dictation daemon for Linux: a spoken word is never lost."""

__version__ = "0.1.0"
