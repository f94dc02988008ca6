"""`python -m swictation.asr.engines.whisper.ask`: whether a GPU can be used, as one JSON object.

For `swictation doctor`, in its own process, so that CUDA ends with it.
"""

import sys
from typing import Any

import ctranslate2  # pyright: ignore[reportMissingTypeStubs]
import msgspec

from swictation.asr.engines.whisper import cublas, errors
from swictation.asr.engines.whisper.gpu import types_for
from swictation.asr.provider import GpuAnswer
from swictation.errors import EngineError


def ask() -> GpuAnswer:
    """Check that there is a GPU and cuBLAS. Creates no context."""
    ct2: Any = ctranslate2
    count: int = ct2.get_cuda_device_count()
    try:
        types = types_for(ct2.get_supported_compute_types("cuda"))  # raises if none
    except (RuntimeError, ValueError) as error:
        error_found = errors.explain(error) or EngineError(str(error), "swictation doctor")
        return GpuAnswer(count, reason=error_found.message, remedy=error_found.remedy)
    if not cublas.open_it():
        error_found = errors.missing(cublas.NAME)
        return GpuAnswer(count, reason=error_found.message, remedy=error_found.remedy)
    return GpuAnswer(count, types[0])


if __name__ == "__main__":
    sys.stdout.write(msgspec.json.encode(ask()).decode())
