"""`swictation vram`: the memory of the graphics card."""
