"""The fault matrix: whatever befalls the card or its worker, at any moment, costs time alone.

`python -m tests.faults` prints the table of docs/vram.md; `--write` puts it there.
"""
