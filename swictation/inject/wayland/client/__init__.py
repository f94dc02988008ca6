"""The parts of a Wayland client: wire format, connection, protocols, pipes."""
