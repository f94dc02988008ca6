"""Reads the GPU through NVIDIA's library. May block: only in a thread or process of its own."""
