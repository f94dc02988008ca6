"""Which engines a configuration asks for: on the card, on the processor, or on both."""

import msgspec

from swictation.asr.registry import is_for_card
from swictation.config.settings import Settings


def wants_card(settings: Settings) -> bool:
    """Whether the engine of the configuration is to compute on a card."""
    device = settings.asr.device
    return device == "cuda" or (device == "auto" and is_for_card(settings.asr.engine))


def spare(settings: Settings) -> Settings | None:
    """The same with the engine that takes over on the processor; None where nobody does.

    Without a card that is the engine itself.
    """
    return understudy(settings) if wants_card(settings) else settings


def understudy(settings: Settings) -> Settings | None:
    """The same with the engine that serves where the configured one cannot; None: nobody does."""
    asr = settings.asr
    if not asr.cpu_engine or (asr.engine, asr.device) == (asr.cpu_engine, "cpu"):
        return None
    other = msgspec.structs.replace(asr, engine=asr.cpu_engine, model=asr.cpu_model, device="cpu")
    return msgspec.structs.replace(settings, asr=other)
