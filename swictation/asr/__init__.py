"""Speech to text: the engine's port, the registry, and the commit rule."""
