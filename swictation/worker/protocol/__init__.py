"""What daemon and workers say to each other."""
