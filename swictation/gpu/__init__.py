"""The GPU that is shared with other programs: read it, decide, guard it."""
