"""A day of a GPU's memory in seconds: the daemon's own manager and guard over a trace."""
