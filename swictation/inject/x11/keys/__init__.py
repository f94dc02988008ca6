"""Keys: how to type a character on this keyboard, and which windows have handled their keys."""
