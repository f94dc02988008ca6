"""Reads a GPU's memory with NVML, through nvidia-ml-py. Never wakes a sleeping GPU."""

from collections.abc import Collection
from pathlib import Path

from swictation.clock import Clock, MonotonicClock
from swictation.gpu.nvml.driver import Driver
from swictation.gpu.nvml.errors import Unreadable
from swictation.gpu.nvml.probe import ChosenGpu
from swictation.gpu.nvml.select import AUTO, Candidate, open_gpu
from swictation.types import MIB, VramSnapshot

_PROCESSES_EVERY_S = 5.0
"""The process lists cost more than everything else, and change slowly."""
_LARGEST_MIB = 1 << 24


class NvmlProbe:
    """A `MemoryProbe`. A reading opens NVML; `close` or a failed reading closes it.

    A reading costs one NVML call, five if the processes are listed again, and about ten if it
    opens the driver. If there are several GPUs and `gpu` is "auto", each opening chooses the one
    with the most free memory, unless processes of ours are on the last one.
    """

    def __init__(self, gpu: str = AUTO, root: Path = Path("/"), clock: Clock | None = None) -> None:
        """Prepare to read; nothing is opened.

        Args:
            gpu: the GPU's index, its UUID, or "auto".
            root: where `sys` and `proc` are; tests use another one.
            clock: a clock for tests.
        """
        self._gpu = gpu
        self._root = root
        self._clock = clock or MonotonicClock()
        self._open: tuple[Driver, Candidate] | None = None
        self._chosen: ChosenGpu | None = None
        self._ours = _Ours()

    @property
    def gpu(self) -> ChosenGpu | None:
        return self._chosen

    def read(self, pids: Collection[int] = ()) -> VramSnapshot:
        """See `MemoryProbe`."""
        was_open = self._open is not None
        try:
            try:
                return self._read(pids)
            except Unreadable as error:
                if not (was_open and error.is_stale):
                    raise
            self.close()
            return self._read(pids)
        except Unreadable as error:
            self.close()
            now_s = self._clock.now_s()
            return VramSnapshot(now_s, trouble=error.trouble, reason=error.reason)

    def close(self) -> None:
        """See `MemoryProbe`."""
        opened, self._open = self._open, None
        self._ours = _Ours()
        if opened:
            opened[0].close()

    def _read(self, pids: Collection[int]) -> VramSnapshot:
        driver, gpu = self._open or self._choose(is_in_use=bool(pids))
        # Dated before the call: a slow driver does not make the answer younger.
        at_s = self._clock.now_s()
        total_mib, free_mib = (size / MIB for size in driver.memory_bytes(gpu.handle))
        if not (0 < total_mib <= _LARGEST_MIB and 0 <= free_mib <= total_mib):
            message = f"the driver says that {free_mib:.0f} of {total_mib:.0f} MiB are free"
            raise Unreadable("nonsense", message)
        ours_mib, is_fresh = self._ours.read_mib(driver, gpu, frozenset(pids), at_s)
        return VramSnapshot(at_s, total_mib, free_mib, ours_mib, is_fresh)

    def _choose(self, *, is_in_use: bool) -> tuple[Driver, Candidate]:
        wish = self._chosen.uuid if self._chosen and is_in_use else self._gpu
        self._open = driver, gpu = open_gpu(wish, self._root)
        self._chosen = ChosenGpu(gpu.index, driver.uuid(gpu.handle), driver.name(gpu.handle))
        return driver, gpu


class _Ours:
    """What our processes hold: listed every few seconds, remembered in between."""

    def __init__(self) -> None:
        self._pids: frozenset[int] = frozenset()
        self._at_s = float("-inf")
        self._mib: float | None = None

    def read_mib(
        self, driver: Driver, gpu: Candidate, pids: frozenset[int], now_s: float
    ) -> tuple[float | None, bool]:
        """MiB, None where the driver does not report it; and whether it was read just now."""
        if not pids:
            return 0.0, False
        is_due = pids != self._pids or now_s - self._at_s >= _PROCESSES_EVERY_S
        if is_due:
            self._pids, self._at_s = pids, now_s
            self._mib = self._list(driver, gpu, pids)
        return self._mib, is_due

    def _list(self, driver: Driver, gpu: Candidate, pids: frozenset[int]) -> float | None:
        try:
            used = driver.used_bytes(gpu.handle)
        except Unreadable:
            return None
        total = 0
        for pid in pids & used.keys():
            size = used[pid]
            if size is None:
                return None
            total += size
        return total / MIB
