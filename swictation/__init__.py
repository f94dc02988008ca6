"""A dictation daemon for Linux: a spoken word is never lost."""

from importlib.metadata import version

__version__ = version("swictation")
