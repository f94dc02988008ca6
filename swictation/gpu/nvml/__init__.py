"""Reads the GPU through NVIDIA's library. It may block: use it in its own thread or process."""
