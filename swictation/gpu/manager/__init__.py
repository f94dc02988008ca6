"""The AdaptiveMemoryManager, which decides what computes where. Pure, like its rules."""
