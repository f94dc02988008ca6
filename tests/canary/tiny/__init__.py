"""Small Canary models, made here: their weights cannot be had in a test, their shape can."""
