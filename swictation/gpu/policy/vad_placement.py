"""Where the speech detector should compute, with dwell and back-off. Pure.

Moving it frees only about 2 MiB. It follows the GPU's level because the user asked for that, and
is never a reason to start or to keep a worker.
"""

from swictation.backoff import Backoff
from swictation.config.settings import VadSettings
from swictation.gpu.effects import PlaceDetector
from swictation.gpu.policy.levels import Level
from swictation.types import Placement

_HELD_S = 900.0
_LONGEST_DWELL_S = 3600.0
_ANSWER_S = 10.0
"""A move back to the CPU that is not confirmed within this time is requested again."""


class VadPlacement:
    """The detector's wanted and effective placement."""

    def __init__(self, settings: VadSettings) -> None:
        self._settings = settings
        self._asked: Placement | None = None
        self._asked_s = 0.0
        self._moved_s = float("-inf")
        self._dwell = Backoff(2.0 * settings.move_dwell_s, _LONGEST_DWELL_S)
        self._retry = Backoff(1.0, 60.0)
        self.wanted: Placement = "cpu"
        self.effective: Placement = "cpu"
        self.reason = "no worker serves on the GPU"

    def moved(self, now_s: float, placement: Placement, reason: str, *, is_fault: bool) -> None:
        """Take where the detector is now, as the daemon reports."""
        if is_fault:
            self._dwell.failed(now_s)
        elif placement == self._asked:
            self._retry.succeeded()
        elif self._asked is not None:
            self._retry.failed(now_s)
        self._asked = None
        if placement != self.effective:
            self._forgive(now_s, placement)
            self.effective, self._moved_s = placement, now_s
        if reason:
            self.reason = reason

    def settle(
        self,
        now_s: float,
        *,
        is_serving: bool,
        is_listening: bool,
        level: Level,
    ) -> PlaceDetector | None:
        """Return the move that is due now, if any. No move to the GPU while dictation is off.

        A move to the GPU waits for a frame to judge, however long, so it is requested once.
        """
        self.wanted, reason, is_urgent = self._wish(is_serving, level)
        is_late = now_s - self._asked_s >= _ANSWER_S
        if self._asked == "cpu" and is_late:
            if self.effective != "cpu":
                self._retry.failed(now_s)
            self._asked = None
        if self.wanted == (self._asked or self.effective):
            return None
        if self._asked is not None and not is_urgent and not is_late:
            return None
        if self.wanted == "gpu" and not is_listening:
            return None
        if not is_urgent and not self._may_move(now_s):
            return None
        if not self._retry.is_over(now_s):
            return None
        self._asked, self._asked_s = self.wanted, now_s
        return PlaceDetector(self.wanted, reason)

    def next_s(self, now_s: float) -> float | None:
        """When a move may become due."""
        if self._asked is not None:
            return self._asked_s + _ANSWER_S
        if self.wanted == self.effective:
            return None
        return max(
            self._moved_s + self._settings.move_dwell_s, self._dwell.until_s, self._retry.until_s
        )

    def _may_move(self, now_s: float) -> bool:
        dwell_over = now_s - self._moved_s >= self._settings.move_dwell_s
        return dwell_over and (self.wanted == "cpu" or self._dwell.is_over(now_s))

    def _forgive(self, now_s: float, placement: Placement) -> None:
        """Forget old faults when the detector leaves the GPU after long without one."""
        if placement == "cpu" and now_s - self._moved_s >= _HELD_S:
            self._dwell.succeeded()

    def _wish(self, is_serving: bool, level: Level) -> tuple[Placement, str, bool]:
        """Return the placement, the reason, and whether it is urgent."""
        if not is_serving:
            return "cpu", "no worker serves on the GPU", True
        if self._settings.placement == "cpu":
            return "cpu", "[vad] placement says so", False
        if level >= Level.CRITICAL:
            return "cpu", f"the GPU is at {level.name}", True
        if self._settings.placement == "gpu":
            return "gpu", "[vad] placement says so", False
        is_above = level >= Level.WARNING
        return ("cpu" if is_above else "gpu"), f"the GPU is at {level.name}", False
