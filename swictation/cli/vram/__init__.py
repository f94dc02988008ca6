"""`swictation vram`: the memory of the GPU."""
