"""The fault matrix: whatever befalls the GPU or its worker, at any moment, costs time alone.

`make fault-matrix` runs all of it and writes the table of docs/vram-tests.md.
"""
