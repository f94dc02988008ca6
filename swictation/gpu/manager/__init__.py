"""The AdaptiveMemoryManager: decides what computes where. Pure, like its rules."""
