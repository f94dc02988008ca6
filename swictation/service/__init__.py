"""The daemon as a systemd user service: its files, and what systemd says about it."""
