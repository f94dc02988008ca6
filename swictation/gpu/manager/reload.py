"""When the GPU worker may be loaded again after it had to end. Pure."""

from swictation.backoff import Backoff
from swictation.config.settings import VramSettings
from swictation.gpu.policy.levels import Level, LevelState

HELD_S = 900.0
"""After a worker has lasted this long, earlier evictions no longer count."""

_FIRST_RETRY_S = 5.0
_LAST_RETRY_S = 300.0


class ReloadGate:
    """Cool-down after evictions, back-off after failed loads."""

    def __init__(self, settings: VramSettings) -> None:
        self._cool_down = Backoff(settings.cool_down_s, settings.cool_down_max_s)
        self.pause_s = settings.cool_down_s
        """The length of the last cool-down."""
        self._evicted_s: float | None = None
        self._ready_s: float | None = None
        self._failures = Backoff(_FIRST_RETRY_S, _LAST_RETRY_S)

    def ready(self, now_s: float) -> None:
        """The worker has loaded."""
        self._ready_s = now_s
        self._evicted_s = None
        self._failures.succeeded()

    def evicted(self, now_s: float) -> None:
        """The worker was evicted because memory was short."""
        if self._ready_s is not None and now_s - self._ready_s >= HELD_S:
            self._cool_down.succeeded()
        self._ready_s = None
        self._evicted_s = now_s
        self.pause_s = self._cool_down.pause_s
        self._cool_down.failed(now_s)

    def load_failed(self, now_s: float) -> None:
        """The worker could not be loaded."""
        self._failures.failed(now_s)

    def slept(self) -> None:
        """The GPU slept, so nobody used it: the cool-down ends, but its doubling stays."""
        self._evicted_s = None

    def reset(self) -> None:
        """Forget all cool-downs and back-offs, because the user asked for it."""
        self._evicted_s = None
        self._cool_down.succeeded()
        self._failures.succeeded()

    def why_not(self, now_s: float, ladder: LevelState) -> str:
        """What a load waits for, in words; "" if nothing."""
        if not self._failures.is_over(now_s):
            return f"the last load failed: again in {self._failures.until_s - now_s:.0f} s"
        if ladder.level != Level.NORMAL:
            return f"the GPU is at {ladder.level.name}"
        if self._evicted_s is not None:
            left_s = max(ladder.since_s, self._evicted_s) + self.pause_s - now_s
            if left_s > 0.0:
                return f"the GPU was full: again after {left_s:.0f} s of NORMAL"
        return ""
