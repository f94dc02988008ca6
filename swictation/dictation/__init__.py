"""The path of an utterance, from the journal to the window."""
