"""Sharing a card's memory: readings, levels, decisions, and the guard round each unit of work."""
