"""What a Wayland client is made of: wire format, connection, protocols, pipes."""
