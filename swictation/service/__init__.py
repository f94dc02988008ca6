"""The daemon as a systemd user service: its files, and its state according to systemd."""
