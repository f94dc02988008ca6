"""A day of a card's memory in seconds: the daemon's own manager and guard over a trace."""
