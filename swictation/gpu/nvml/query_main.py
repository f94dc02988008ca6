"""`python -m swictation.gpu.nvml.query_main GPU ROOT [cuda]`: the driver's answer in JSON.

It runs in its own process, because a faulty driver may hang or crash it. NVML is asked, and on
request CUDA: it is started here and ends with the process. No context is created.
"""

import ctypes
import sys
from pathlib import Path

import msgspec

from swictation.gpu.nvml.nvml import NvmlProbe

MISSING = -1
"""In place of CUDA's code: its library is not installed."""


class Answer(msgspec.Struct, frozen=True):
    """The driver's answer."""

    trouble: str
    reason: str
    total_mib: float
    free_mib: float
    cuda: int | None
    """The code of `cuInit`; None: it was not called, or the GPU cannot be read anyway."""

    @property
    def is_usable(self) -> bool:
        return not self.trouble


def _cuda() -> int:
    try:
        return int(ctypes.CDLL("libcuda.so.1").cuInit(0))
    except (OSError, AttributeError):
        return MISSING


def main() -> None:
    """Ask the driver and print its answer."""
    probe = NvmlProbe(sys.argv[1], Path(sys.argv[2]))
    now = probe.read()
    probe.close()
    cuda = _cuda() if now.is_usable and "cuda" in sys.argv[3:] else None
    answer = Answer(now.trouble, now.reason, now.total_mib, now.free_mib, cuda)
    sys.stdout.write(msgspec.json.encode(answer).decode())


if __name__ == "__main__":
    main()
