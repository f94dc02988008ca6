"""NVIDIA Canary through NeMo: a streaming engine for a card. Imported in the worker only."""

from importlib import import_module
from typing import TYPE_CHECKING

from swictation.errors import EngineError

if TYPE_CHECKING:
    from swictation.asr.engine import Engine, EngineSpec


def load(spec: "EngineSpec") -> "Engine":
    """Load the model folder `spec.model_path`, as `swictation.asr.engine.Load` says.

    Raises:
        EngineError: the folder holds no Canary that can be used here, or the extra is missing.
    """
    try:
        from swictation.asr.engines.canary.engine import load_engine
    except ImportError as error:
        raise EngineError(
            f"Canary needs NeMo and torch, which are not installed ({error}).",
            "make canary, or: python -m pip install 'swictation[canary]'",
        ) from error
    return load_engine(spec)


def preload() -> None:
    """Import all that the engine needs, and touch no card: what a nursery does."""
    import_module("swictation.asr.engines.canary.engine")
