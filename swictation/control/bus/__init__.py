"""The D-Bus service, and its client."""
