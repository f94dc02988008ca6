"""NVIDIA Canary through NeMo: a streaming engine for a GPU. Others find its `provider` alone."""
