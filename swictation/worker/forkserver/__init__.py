"""The fork server, a process that has imported an engine's libraries and forks GPU workers."""
