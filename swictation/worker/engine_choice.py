"""Which engines a configuration asks for: on the GPU, on the CPU, or on both."""

import msgspec

from swictation.asr.registry import is_for_gpu
from swictation.config.settings import Settings


def wants_gpu(settings: Settings) -> bool:
    """Whether the configured engine should compute on a GPU."""
    device = settings.asr.device
    return device == "cuda" or (device == "auto" and is_for_gpu(settings.asr.engine))


def standby(settings: Settings) -> Settings | None:
    """The settings with the engine that takes over on the CPU; None if there is none.

    Without a GPU that is the configured engine itself.
    """
    return fallback(settings) if wants_gpu(settings) else settings


def fallback(settings: Settings) -> Settings | None:
    """The settings with the engine that serves if the configured one cannot; None if none does."""
    asr = settings.asr
    if not asr.cpu_engine or (asr.engine, asr.device) == (asr.cpu_engine, "cpu"):
        return None
    other = msgspec.structs.replace(asr, engine=asr.cpu_engine, model=asr.cpu_model, device="cpu")
    return msgspec.structs.replace(settings, asr=other)
