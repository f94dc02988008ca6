"""The one library that CTranslate2 needs on a GPU and does not bring: cuBLAS, of CUDA 12.

It opens it by name when it is first needed. NVIDIA's wheel puts it where no loader looks; a library
that this process has open already is found by that name.
"""

import contextlib
import ctypes
from importlib.metadata import PackageNotFoundError, distribution

NAME = "libcublas.so.12"
PACKAGE = "nvidia-cublas-cu12"
_IN_WHEEL = f"nvidia/cublas/lib/{NAME}"


def open_it() -> bool:
    """Have it open, from the system or from NVIDIA's wheel; False: there is none."""
    paths = [NAME]
    with contextlib.suppress(PackageNotFoundError):
        paths.append(str(distribution(PACKAGE).locate_file(_IN_WHEEL)))
    for path in paths:
        with contextlib.suppress(OSError):
            ctypes.CDLL(path)
            return True
    return False
