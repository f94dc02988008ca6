"""An engine's memory according to NVML, for libraries that report none: CTranslate2.

NVML knows how much a process holds, not what for. Allocated and cached memory are therefore one
figure here: collecting never pays, and a leak shows as growth of the whole, which includes the
library's cache. Between two readings nothing is seen: a peak is what the engine says that it will
take, or the most that was read, whichever is more.
"""

import gc
import os
from pathlib import Path

from swictation.gpu.nvml.driver import Driver
from swictation.gpu.nvml.errors import Unreadable
from swictation.gpu.nvml.select import AUTO, Candidate, open_gpu
from swictation.types import MIB, AllocatorFigures


class NvmlAllocator:
    """An `Allocator` for this process. Used on one thread; NVML stays open until `close`.

    The driver lists each process that has a context. Where it does not list ours, as in a
    container with its own process numbers, or hides its use, as under WSL, nothing can be read.
    """

    def __init__(self, uuid: str = "", root: Path = Path("/")) -> None:
        """Nothing is opened yet.

        Args:
            uuid: the GPU's; "": the one with the most free memory.
            root: where `sys` is; tests use another one.
        """
        self._wish = uuid or AUTO
        self._root = root
        self._opened: tuple[Driver, Candidate] | None = None
        self._context_mib: float | None = None
        self._begun_mib: float | None = None
        self._peak_mib = 0.0

    def note_context(self) -> float | None:
        """Measure the context while nothing else exists; it does not count as engine memory."""
        self._context_mib = self._read_mib()
        return self._context_mib

    def expect(self, mib: float) -> None:
        """Take the expected peak of the present unit, which may pass between two readings."""
        if self._begun_mib is not None:
            self._peak_mib = max(self._peak_mib, self._begun_mib + mib)

    def figures(self) -> AllocatorFigures | None:
        """See `Allocator`: all that is held besides the context."""
        held_mib = self._held_mib()
        if held_mib is None:
            return None
        self._peak_mib = max(self._peak_mib, held_mib)
        return AllocatorFigures(held_mib, held_mib, peak_mib=self._peak_mib)

    def free_mib(self) -> float | None:
        """See `Allocator`."""
        try:
            driver, gpu = self._open()
            return driver.memory_bytes(gpu.handle)[1] / MIB
        except Unreadable:
            self.close()
            return None

    def collect(self) -> None:
        """See `Allocator`. The library's own cache cannot be freed from outside."""
        gc.collect()

    def begin_unit(self) -> None:
        """See `Allocator`."""
        self._begun_mib = self._held_mib()
        self._peak_mib = self._begun_mib or 0.0

    def close(self) -> None:
        """Close NVML; the next reading opens it again."""
        opened, self._opened = self._opened, None
        if opened:
            opened[0].close()

    def _held_mib(self) -> float | None:
        used_mib = None if self._context_mib is None else self._read_mib()
        if used_mib is None or self._context_mib is None:
            return None
        return max(0.0, used_mib - self._context_mib)

    def _read_mib(self) -> float | None:
        try:
            driver, gpu = self._open()
            used = driver.used_bytes(gpu.handle).get(os.getpid())
        except Unreadable:
            self.close()
            return None
        return None if used is None else used / MIB

    def _open(self) -> tuple[Driver, Candidate]:
        self._opened = self._opened or open_gpu(self._wish, self._root)
        return self._opened
