"""NVIDIA Canary through NeMo, a streaming engine for a GPU. Others use only its `provider`."""
