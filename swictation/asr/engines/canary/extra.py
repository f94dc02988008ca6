"""The libraries that the extra brings: whether they are there, without importing them."""

import importlib.util

from swictation.errors import EngineError

NAME = "canary"
"""Of the engine, and of the extra."""
_LIBRARIES = ("torch", "nemo")


def unavailable() -> EngineError | None:
    """None where they are installed; else what to type."""
    if all(importlib.util.find_spec(name) for name in _LIBRARIES):
        return None
    from swictation.remedies import install_command

    return EngineError(f"the engine {NAME} lacks torch and NeMo", install_command(NAME))
