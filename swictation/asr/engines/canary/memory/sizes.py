"""The device memory that a model will hold, counted from its skeleton."""

from typing import Any

from swictation.asr.engines.canary.precision import dtype_of, weights_bytes
from swictation.asr.engines.canary.stream import MOST_TOKENS
from swictation.asr.engines.canary.window import Window, window_for
from swictation.types import MIB, Tier

_FLOAT_BYTES = 4
_FORKS = 2
"""A stream, and its fork that tries the end."""


def buffer_bytes(model: Any, window: Window, precision: str) -> int:
    """What a stream keeps between two steps: sound, encoded window and the decoder's caches."""
    sound = window.samples * _FLOAT_BYTES
    decoder = model.transf_decoder.decoder
    width = model.cfg.model_defaults.lm_dec_hidden
    caches = (len(decoder.layers) + 1) * MOST_TOKENS * width * dtype_of(precision).itemsize
    return _FORKS * (sound + caches)


def tier_for(model: Any, precision: str, buffer_s: float) -> Tier:
    """The tier of a precision, for the memory manager, before the model is loaded."""
    window = window_for(model, buffer_s)
    resident = weights_bytes(model, precision) + buffer_bytes(model, window, precision)
    return Tier(precision, resident / MIB)
