"""What lies on this machine."""
