"""What `swictation doctor` looks at: one file a group of checks, each ending in findings."""
