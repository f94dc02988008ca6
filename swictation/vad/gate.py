"""The energy gate: while nothing rises above the room, the detector sleeps.

A frame's energy costs about a hundredth of the detector's work, so silence is nearly free.
"""

from collections import deque

from swictation.loudness import level_dbfs
from swictation.types import FRAME_SAMPLES, Samples, to_samples

_RISE_DB = 3.0
_LEAST_DB = -70.0
_MEMORY_FRAMES = round(to_samples(3.0) / FRAME_SAMPLES)
_HOLD_FRAMES = round(to_samples(0.5) / FRAME_SAMPLES)


class EnergyGate:
    """Open while a frame is louder than the quietest recent one by 3 dB, and half a second after.

    The floor is the least frame level of the last three seconds (minimum statistics, Martin
    2001, in its simplest form): pauses between words keep it at the room's noise even while
    somebody speaks. Until that long is known, the gate stays open.
    """

    def __init__(self) -> None:
        self._minima: deque[tuple[int, float]] = deque()
        self._frame = 0
        self._loud_frame = 0

    def is_open(self, samples: Samples) -> bool:
        """Take the next frame, int16 (512,), and say whether the detector should hear it."""
        level_db = level_dbfs(samples)
        self._remember(level_db)
        is_learning = self._frame < _MEMORY_FRAMES
        rises = is_learning or level_db > self._minima[0][1] + _RISE_DB
        if rises and level_db > _LEAST_DB:
            self._loud_frame = self._frame
        self._frame += 1
        return self._frame - self._loud_frame <= _HOLD_FRAMES

    def _remember(self, level_db: float) -> None:
        """Keep the window's minimum at the front (a monotonic queue: O(1) a frame)."""
        minima = self._minima
        while minima and minima[-1][1] >= level_db:
            minima.pop()
        minima.append((self._frame, level_db))
        if minima[0][0] <= self._frame - _MEMORY_FRAMES:
            minima.popleft()
