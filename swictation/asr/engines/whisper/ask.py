"""`python -m swictation.asr.engines.whisper.ask`: whether a card can be used, as one JSON object.

In a process of its own, for `swictation doctor`: CUDA is started here and ends here.
"""

import sys
from typing import Any

import ctranslate2  # pyright: ignore[reportMissingTypeStubs]
import msgspec

from swictation.asr.engines.whisper import cublas, troubles
from swictation.asr.engines.whisper.card import types_for
from swictation.asr.provider import GpuAnswer
from swictation.errors import EngineError


def ask() -> GpuAnswer:
    """See whether there is a card, and cuBLAS. No context is made."""
    ct2: Any = ctranslate2
    count: int = ct2.get_cuda_device_count()
    try:
        types = types_for(ct2.get_supported_compute_types("cuda"))  # it says why there is none
    except (RuntimeError, ValueError) as error:
        told = troubles.explain(error) or EngineError(str(error), "swictation doctor")
        return GpuAnswer(count, reason=told.message, remedy=told.remedy)
    if not cublas.open_it():
        told = troubles.missing(cublas.NAME)
        return GpuAnswer(count, reason=told.message, remedy=told.remedy)
    return GpuAnswer(count, types[0])


if __name__ == "__main__":
    sys.stdout.write(msgspec.json.encode(ask()).decode())
