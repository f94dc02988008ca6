"""Time comes from outside, so that a day can pass in a second."""

import time
from typing import Protocol


class Clock(Protocol):
    """A monotonic clock."""

    def now_s(self) -> float:
        """Seconds since an arbitrary, fixed moment; never goes back."""
        ...


class MonotonicClock:
    """The machine's own monotonic clock."""

    def now_s(self) -> float:
        return time.monotonic()


class SimClock:
    """A clock that moves only by `advance`."""

    def __init__(self, start_s: float = 0.0) -> None:
        self._now_s = start_s

    def now_s(self) -> float:
        return self._now_s

    def advance(self, seconds: float) -> None:
        """Move forward; a negative step raises ValueError."""
        if seconds < 0:
            raise ValueError(f"a clock cannot go back by {-seconds} s")
        self._now_s += seconds
