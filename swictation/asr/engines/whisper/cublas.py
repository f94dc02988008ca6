"""Opens cuBLAS of CUDA 12, the only library that CTranslate2 needs on a GPU and does not bring.

CTranslate2 opens it by name when it first needs it. NVIDIA's wheel puts it where no loader looks,
but a library that the process has already opened is found by its name.
"""

import contextlib
import ctypes
from importlib.metadata import PackageNotFoundError, distribution

NAME = "libcublas.so.12"
PACKAGE = "nvidia-cublas-cu12"
_IN_WHEEL = f"nvidia/cublas/lib/{NAME}"


def open_it() -> bool:
    """Open the library, from the system or from NVIDIA's wheel. False: there is none."""
    paths = [NAME]
    with contextlib.suppress(PackageNotFoundError):
        paths.append(str(distribution(PACKAGE).locate_file(_IN_WHEEL)))
    for path in paths:
        with contextlib.suppress(OSError):
            ctypes.CDLL(path)
            return True
    return False
