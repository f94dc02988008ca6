"""When the GPU worker may be loaded again after it had to go. Pure."""

from swictation.backoff import Backoff
from swictation.config.settings import VramSettings
from swictation.gpu.policy.levels import Level, LevelState

HELD_S = 900.0
"""A worker that held so long has earned that what came before is forgotten."""

_FIRST_RETRY_S = 5.0
_LAST_RETRY_S = 300.0


class ReloadGate:
    """Cool-down after evictions, back-off after loads that failed."""

    def __init__(self, settings: VramSettings) -> None:
        self._cool_down = Backoff(settings.cool_down_s, settings.cool_down_max_s)
        self.pause_s = settings.cool_down_s
        """The last cool-down that was due."""
        self._evicted_s: float | None = None
        self._ready_s: float | None = None
        self._failures = Backoff(_FIRST_RETRY_S, _LAST_RETRY_S)

    def ready(self, now_s: float) -> None:
        """The worker has loaded."""
        self._ready_s = now_s
        self._evicted_s = None
        self._failures.succeeded()

    def evicted(self, now_s: float) -> None:
        """Pressure drove the worker out."""
        if self._ready_s is not None and now_s - self._ready_s >= HELD_S:
            self._cool_down.succeeded()
        self._ready_s = None
        self._evicted_s = now_s
        self.pause_s = self._cool_down.pause_s
        self._cool_down.failed(now_s)

    def load_failed(self, now_s: float) -> None:
        """It could not be loaded."""
        self._failures.failed(now_s)

    def slept(self) -> None:
        """Nobody used the GPU: the cool-down of an eviction is over. Its doubling stays."""
        self._evicted_s = None

    def reset(self) -> None:
        """The user wishes to forget the past."""
        self._evicted_s = None
        self._cool_down.succeeded()
        self._failures.succeeded()

    def why_not(self, now_s: float, ladder: LevelState) -> str:
        """What a load waits for, in words; "": nothing."""
        if not self._failures.is_over(now_s):
            return f"the last load failed: again in {self._failures.until_s - now_s:.0f} s"
        if ladder.level != Level.NORMAL:
            return f"the GPU is at {ladder.level.name}"
        if self._evicted_s is not None:
            left_s = max(ladder.since_s, self._evicted_s) + self.pause_s - now_s
            if left_s > 0.0:
                return f"the GPU was full: again after {left_s:.0f} s of NORMAL"
        return ""
