"""Plays a day of a GPU's memory in seconds, with the daemon's own manager and guard."""
