"""Explains why CTranslate2 cannot use a GPU. Its RuntimeErrors are text only."""

import ctypes
import re
from collections.abc import Callable

from swictation.asr.engines.whisper import cublas
from swictation.errors import EngineError
from swictation.gpu.nvml.errors import REMEDIES
from swictation.remedies import pip

_MISSING = re.compile(r"Library (\S+) is not found or cannot be loaded")
_OLD_DRIVER = "driver version is insufficient"
"""CUDA says this even if there is no driver at all."""
_TROUBLES: tuple[tuple[str, str, str], ...] = (
    (
        _OLD_DRIVER,
        "NVIDIA's driver is too old for CUDA 12, which CTranslate2 needs",
        "update NVIDIA's driver to 525 or later, then reboot",
    ),
    (
        "no CUDA-capable device",
        "CUDA finds no GPU",
        "is it hidden? echo $CUDA_VISIBLE_DEVICES; else: nvidia-smi -L",
    ),
    (
        "not compiled with CUDA support",
        "this build of CTranslate2 has no CUDA support",
        '[asr] device = "cpu": swictation config path',
    ),
    ("out of memory", "it has no room for the model", "swictation status"),
)


def has_driver() -> bool:
    """Whether the driver's own library can be opened; CUDA is not started."""
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return True


def explain(error: Exception, has_driver: Callable[[], bool] = has_driver) -> EngineError | None:
    """Turn `error` into one with a remedy; None if it has nothing to do with a GPU."""
    message = " ".join(str(error).split()).rstrip(".")
    if found := _MISSING.search(message):
        return missing(found[1])
    if _OLD_DRIVER in message and not has_driver():
        meaning = "NVIDIA's library libcuda.so.1 is not installed"
        return _error(meaning, REMEDIES["no-library"])
    for sign, meaning, remedy in _TROUBLES:
        if sign in message:
            return _error(meaning, remedy)
    return _error(message, "swictation doctor") if "cuda" in message.lower() else None


def missing(library: str) -> EngineError:
    """Make the error for a missing library, which CTranslate2 opens when it computes."""
    package = cublas.PACKAGE if library == cublas.NAME else "nvidia-cublas"
    return _error(
        f"the library {library} is missing",
        pip(f"install {package}"),
    )


def _error(meaning: str, remedy: str) -> EngineError:
    return EngineError(f"Whisper cannot use the GPU: {meaning}.", remedy)
