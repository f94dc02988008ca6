"""Speech into text: the engine's port, the registry, and the rule by which text is committed."""
