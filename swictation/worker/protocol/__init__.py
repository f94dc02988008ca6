"""The protocols between the daemon and its workers and fork server."""
