"""Classifies a device's error: by its type and code first, by its text last. Pure.

Nothing is imported for it: the errors of torch, CTranslate2 and NVML are recognised by name. In
doubt an error is fatal: replacing a healthy worker costs seconds, keeping a poisoned one costs
all results.
"""

import re
from collections.abc import Iterator
from typing import cast

from swictation.errors import DeviceFailure
from swictation.types import FailureKind

_CUDA_OOM = 2
_CUDA_LOST = frozenset({100})
"""cudaErrorNoDevice."""

_NVML_LOST = frozenset({9, 15, 16})
"""Driver not loaded, GPU is lost, reset required."""
_NVML_FATAL = frozenset({11, 14, 18, 20, 999})
"""IRQ issue, broken inforom, driver and library differ, out of memory, unknown.

Every other code means that a call was wrong, and says nothing about the GPU.
"""

_NEVER_THE_DEVICE = (MemoryError, OSError, ImportError, EOFError)
"""Errors of the host, whatever their text mentions."""

_CODE = re.compile(r"\bcuda (?:error|failure):? (\d+)\b")
_LAST_CODE = re.compile(r"\((\d+)\)$")

_LOST_TEXTS = (
    "gpu is lost",
    "fallen off the bus",
    "no cuda-capable device",
    "found no nvidia driver",
    "gpu requires reset",
)
_NEVER_BEGUN_TEXTS = ("driver version is insufficient", "not compiled with cuda")
"""CUDA could not be started: nothing was on a GPU."""
_XID_79 = re.compile(r"\bxid\b.*\b79\b")
_OOM_TEXTS = (
    "cublas_status_alloc_failed",
    "cudnn_status_alloc_failed",
    "cudnn_status_internal_error_device_allocation_failed",
    "cufft_alloc_failed",
    "cusparse_status_alloc_failed",
    "cusolver_status_alloc_failed",
    "cuda_error_out_of_memory",
    "cudaerrormemoryallocation",
)
_FATAL_TEXTS = (
    "unspecified launch failure",
    "device-side assert",
    "illegal memory access",
    "illegal address",
    "misaligned address",
    "illegal instruction was encountered",
    "launch timed out",
    "context is destroyed",
    "uncorrectable ecc",
)
_OF_A_DEVICE = re.compile(
    r"\bcuda (?:error|failed|failure|driver|runtime)|\bcuda out of memory|cuda_error_|cudaerror"
    r"|\bcu(?:blas|dnn|fft|rand|sparse|solver)(?:lt)?\b|\bcu(?:blas|dnn|fft|rand|sparse|solver)_"
)
_GRAVEST: tuple[FailureKind, ...] = ("lost", "fatal")


def classify(error: BaseException) -> FailureKind:
    """What `error`, and the errors that it was raised from or during, mean for the device.

    A fatal error anywhere in the chain counts most: the clean-up after it may have raised a milder
    one.
    """
    kinds: list[FailureKind] = [_kind_of(one) for one in _chain(error)]
    known: list[FailureKind] = [kind for kind in kinds if kind != "other"]
    gravest: list[FailureKind] = [kind for kind in _GRAVEST if kind in known]
    return (gravest or known or kinds)[0]


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield the error, then those that led to it, even behind `raise ... from None`."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop(0)
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        if isinstance(one, BaseExceptionGroup):
            waiting += cast("BaseExceptionGroup[BaseException]", one).exceptions
        waiting += [one.__cause__, one.__context__]


def _kind_of(error: BaseException) -> FailureKind:
    if isinstance(error, DeviceFailure):
        return error.kind
    if isinstance(error, TimeoutError):
        return "hang"
    if isinstance(error, _NEVER_THE_DEVICE) or not isinstance(error, Exception):
        return "other"
    names = {base.__name__ for base in type(error).__mro__}
    if "NVMLError" in names:
        return _of_nvml(error)
    if "OutOfMemoryError" in names:
        return "oom"
    code = getattr(error, "error_code", None)
    if isinstance(error, RuntimeError) and isinstance(code, int) and code:
        return _of_cuda(code)
    return _of_text(
        str(error).lower(), is_of_device=bool(names & {"AcceleratorError", "CudaError"})
    )


def _of_nvml(error: BaseException) -> FailureKind:
    code = getattr(error, "value", None)
    if not isinstance(code, int):
        return _of_text(str(error).lower(), is_of_device=False)
    if code in _NVML_LOST:
        return "lost"
    return "fatal" if code in _NVML_FATAL else "other"


def _of_cuda(code: int) -> FailureKind:
    if code == _CUDA_OOM:
        return "oom"
    return "lost" if code in _CUDA_LOST else "fatal"


def _of_text(text: str, *, is_of_device: bool) -> FailureKind:
    if any(sign in text for sign in _NEVER_BEGUN_TEXTS):
        return "other"
    if any(sign in text for sign in _LOST_TEXTS) or _XID_79.search(text):
        return "lost"
    if any(sign in text for sign in _FATAL_TEXTS):
        return "fatal"
    if any(sign in text for sign in _OOM_TEXTS):
        return "oom"
    if not is_of_device and not _OF_A_DEVICE.search(text):
        return "other"
    if "out of memory" in text:
        return "oom"
    if found := _CODE.search(text) or (is_of_device and _LAST_CODE.search(text)):
        return _of_cuda(int(found[1]))
    return "fatal"
