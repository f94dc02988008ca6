"""The GPU, which we share with other programs: reads it, decides about it, guards work on it."""
