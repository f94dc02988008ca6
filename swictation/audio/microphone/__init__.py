"""The microphone: opening, watching, reopening."""
