"""From text to the window that was asked for: sent, confirmed, or held."""
