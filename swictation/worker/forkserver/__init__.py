"""A process that has imported everything, and forks GPU workers."""
