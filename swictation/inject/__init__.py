"""Text out: one port, one file for each technology."""
