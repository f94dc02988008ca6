"""The simulated GPU, and the allocator of its one worker."""

import msgspec

from swictation.clock import SimClock
from swictation.types import AllocatorFigures

SHOWS_AFTER_S = 1.0
"""Freed memory shows up late in the driver's figures, by this time."""


class OutOfMemoryError(RuntimeError):
    """The device is full. Torch's error has the same name."""


class SimulatedGpu(msgspec.Struct):
    """Memory shared by one worker of ours and by other programs, which follow the trace."""

    total_mib: float
    others_mib: float = 0.0
    """What other programs want. They take what there is, and are short of the rest."""
    ours_mib: float = 0.0
    late: list[tuple[float, float]] = []
    """Freed memory that does not show yet: when it will, and how much."""

    @property
    def free_mib(self) -> float:
        return max(0.0, self.total_mib - self.others_mib - self.ours_mib)

    @property
    def short_mib(self) -> float:
        """What other programs wanted and did not get."""
        return max(0.0, self.others_mib + self.ours_mib - self.total_mib)

    def take(self, mib: float) -> None:
        """Take memory; raises OutOfMemoryError if less is free."""
        if mib > self.free_mib:
            raise OutOfMemoryError("CUDA out of memory")
        self.ours_mib += mib

    def give(self, mib: float, now_s: float) -> None:
        """Free memory now; it shows a moment later."""
        self.late.append((now_s + SHOWS_AFTER_S, mib))

    def settle(self, now_s: float) -> None:
        """Let memory show that was freed long enough ago."""
        while self.late and self.late[0][0] <= now_s:
            self.ours_mib = max(0.0, self.ours_mib - self.late.pop(0)[1])

    @property
    def next_s(self) -> float:
        return self.late[0][0] if self.late else float("inf")


class SimAllocator:
    """A caching allocator: it holds weights, the work in progress, and its cache."""

    def __init__(self, gpu: SimulatedGpu, clock: SimClock) -> None:
        self._gpu = gpu
        self._clock = clock
        self.context_mib = 0.0
        self.weights_mib = 0.0
        self.work_mib = 0.0
        self.cache_mib = 0.0
        self._peak_mib = 0.0
        self._ooms = 0

    def load(self, context_mib: float, weights_mib: float) -> None:
        """Take context and weights; after an OutOfMemoryError, what was taken stays."""
        self._gpu.take(context_mib)
        self.context_mib = context_mib
        self._gpu.take(weights_mib)
        self.weights_mib = weights_mib

    def figures(self) -> AllocatorFigures | None:
        allocated_mib = self.weights_mib + self.work_mib
        return AllocatorFigures(
            allocated_mib=allocated_mib,
            reserved_mib=allocated_mib + self.cache_mib,
            peak_mib=self._peak_mib,
            ooms=self._ooms,
        )

    def free_mib(self) -> float | None:
        return self._gpu.free_mib

    def begin_unit(self) -> None:
        self._peak_mib = self.weights_mib + self.work_mib

    def begin_work(self, mib: float) -> None:
        """Take memory for work, from the cache first; raises OutOfMemoryError."""
        try:
            self._gpu.take(max(0.0, mib - self.cache_mib))
        except OutOfMemoryError:
            self._ooms += 1
            raise
        self.cache_mib = max(0.0, self.cache_mib - mib)
        self.work_mib = mib
        self._peak_mib = max(self._peak_mib, self.weights_mib + mib)

    def end_work(self) -> None:
        """Finish the work; its memory stays in the cache."""
        self.cache_mib += self.work_mib
        self.work_mib = 0.0

    def collect(self) -> None:
        self._gpu.give(self.cache_mib, self._clock.now_s())
        self.cache_mib = 0.0

    @property
    def held_mib(self) -> float:
        return self.context_mib + self.weights_mib + self.work_mib + self.cache_mib
