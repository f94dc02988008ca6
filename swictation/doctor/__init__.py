"""The checks of `swictation doctor`: one file for each group, each with its findings."""
