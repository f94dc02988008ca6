"""Keys: what types a character on this keyboard, and who has handled what was typed."""
