"""The story of an utterance: from the journal to the window."""
