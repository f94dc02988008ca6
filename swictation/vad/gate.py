"""The energy gate: while nothing rises above the room, the detector sleeps.

A frame's energy costs about a hundredth of the detector's work, so silence is nearly free.
"""

from collections import deque

from swictation.loudness import level_dbfs
from swictation.types import FRAME_SAMPLES, SAMPLE_RATE_HZ, Samples

_FRAME_S = FRAME_SAMPLES / SAMPLE_RATE_HZ


class EnergyGate:
    """Open while a frame is louder than the quietest recent one by `rise_db`, and `hold_s` after.

    The floor is the least frame level of the last `memory_s` seconds (minimum statistics, Martin
    2001, in its simplest form): pauses between words keep it at the room's noise even while
    somebody speaks. Until that long is known, the gate stays open.
    """

    def __init__(
        self,
        *,
        rise_db: float = 3.0,
        least_db: float = -70.0,
        memory_s: float = 3.0,
        hold_s: float = 0.5,
    ) -> None:
        self._rise_db = rise_db
        self._least_db = least_db
        self._memory_frames = round(memory_s / _FRAME_S)
        self._hold_frames = round(hold_s / _FRAME_S)
        self._minima: deque[tuple[int, float]] = deque()
        self._frame = 0
        self._loud_frame = 0

    def is_open(self, samples: Samples) -> bool:
        """Take the next frame, int16 (512,), and say whether the detector should hear it."""
        level_db = level_dbfs(samples)
        self._remember(level_db)
        is_learning = self._frame < self._memory_frames
        rises = is_learning or level_db > self._minima[0][1] + self._rise_db
        if rises and level_db > self._least_db:
            self._loud_frame = self._frame
        self._frame += 1
        return self._frame - self._loud_frame <= self._hold_frames

    def _remember(self, level_db: float) -> None:
        """Keep the window's minimum at the front (a monotonic queue: O(1) a frame)."""
        minima = self._minima
        while minima and minima[-1][1] >= level_db:
            minima.pop()
        minima.append((self._frame, level_db))
        if minima[0][0] <= self._frame - self._memory_frames:
            minima.popleft()
