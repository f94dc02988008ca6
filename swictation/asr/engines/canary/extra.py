"""Whether the libraries of the extra are installed, without importing them."""

import importlib.util

from swictation.errors import EngineError

NAME = "canary"
"""The name of the engine and of the extra."""
_LIBRARIES = ("torch", "nemo")


def unavailable() -> EngineError | None:
    """None if they are installed; otherwise the error, with the command to install them."""
    if all(importlib.util.find_spec(name) for name in _LIBRARIES):
        return None
    from swictation.remedies import install_command

    return EngineError(f"the engine {NAME} lacks torch and NeMo", install_command(NAME))
