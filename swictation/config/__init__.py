"""TOML to frozen settings, all mistakes at once."""
