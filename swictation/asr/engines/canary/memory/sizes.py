"""What a model will hold of a device's memory, counted from its skeleton."""

from typing import Any

from swictation.asr.engines.canary.precision import dtype_of, weights_bytes
from swictation.asr.engines.canary.stream import MOST_TOKENS
from swictation.asr.engines.canary.window import Window, window_for
from swictation.types import MIB, Tier

_FLOAT_BYTES = 4
_FORKS = 2
"""A stream, and the end that is tried of it."""


def buffer_bytes(model: Any, window: Window, precision: str) -> int:
    """What a stream keeps between two steps: sound, encoded window and the decoder's caches."""
    sound = window.samples * _FLOAT_BYTES
    decoder = model.transf_decoder.decoder
    width = model.cfg.model_defaults.lm_dec_hidden
    caches = (len(decoder.layers) + 1) * MOST_TOKENS * width * dtype_of(precision).itemsize
    return _FORKS * (sound + caches)


def tier_for(model: Any, precision: str, buffer_s: float) -> Tier:
    """A way to load it, as the memory manager wants to know it before."""
    window = window_for(model, buffer_s)
    resident = weights_bytes(model, precision) + buffer_bytes(model, window, precision)
    return Tier(precision, resident / MIB)
