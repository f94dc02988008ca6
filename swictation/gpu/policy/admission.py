"""How much memory a unit of work takes, learnt from earlier ones; what has to be free. Pure."""

import math
from collections import deque

from swictation.config.settings import VramSettings
from swictation.gpu.policy.levels import Limits

WINDOW = 64
"""How many units are remembered."""
POINTS_UNTIL_LEARNT = 10
FLOOR_MIB = 16.0


class Admission:
    """Predicts peaks: least squares of peak against seconds, plus the worst residual, plus a floor.

    Until there are ten points the prior is used, raised by whatever exceeded it. Beyond the longest
    unit seen, the prediction rises at least as fast as the prior, because a line through units of
    one length is flat.
    """

    def __init__(self, prior_mib: float, prior_mib_per_s: float) -> None:
        """See `expect`."""
        self._longest_s = 0.0
        self._points: deque[tuple[float, float]] = deque(maxlen=WINDOW)
        self.expect(prior_mib, prior_mib_per_s)

    def expect(self, prior_mib: float, prior_mib_per_s: float) -> None:
        """Start again for another model; what was learnt is dropped.

        `prior_mib`: the peak of a unit without sound; `prior_mib_per_s`: what each second adds.
        """
        self._prior = (prior_mib, max(0.0, prior_mib_per_s))
        self._longest_s = 0.0
        self._points.clear()
        self._fit()

    def predict_mib(self, audio_s: float) -> float:
        """The most that a unit of `audio_s` seconds is expected to take."""
        seen_s = min(audio_s, self._longest_s)
        known = self._base_mib + self._mib_per_s * seen_s + self._margin_mib
        return max(0.0, known + self._beyond_mib_per_s * (audio_s - seen_s))

    def observe(self, audio_s: float, peak_mib: float) -> None:
        """A unit of `audio_s` seconds took `peak_mib`; impossible figures are ignored."""
        if not (0.0 <= audio_s < math.inf and 0.0 <= peak_mib < math.inf):
            return
        self._points.append((audio_s, peak_mib))
        self._longest_s = max(seconds for seconds, _ in self._points)
        self._fit()

    def max_seconds(self, room_mib: float) -> float:
        """The longest unit expected to fit into `room_mib`; 0: none, infinity: any."""
        left_mib = room_mib - self._base_mib - self._margin_mib
        if left_mib < 0.0:
            return 0.0
        needed_mib = self._mib_per_s * self._longest_s
        if left_mib < needed_mib:
            return left_mib / self._mib_per_s
        if not self._beyond_mib_per_s:
            return math.inf
        return self._longest_s + (left_mib - needed_mib) / self._beyond_mib_per_s

    @property
    def _beyond_mib_per_s(self) -> float:
        return max(self._mib_per_s, self._prior[1])

    def _fit(self) -> None:
        self._base_mib, self._mib_per_s = self._prior
        if len(self._points) >= POINTS_UNTIL_LEARNT:
            self._base_mib, self._mib_per_s = self._line()
        residuals = (mib - self._base_mib - self._mib_per_s * s for s, mib in self._points)
        self._margin_mib = FLOOR_MIB + max(0.0, max(residuals, default=0.0))

    def _line(self) -> tuple[float, float]:
        count = len(self._points)
        mean_s = sum(seconds for seconds, _ in self._points) / count
        mean_mib = sum(mib for _, mib in self._points) / count
        spread = sum((seconds - mean_s) ** 2 for seconds, _ in self._points)
        slope = self._prior[1]
        if spread > 1e-6:
            together = sum((s - mean_s) * (mib - mean_mib) for s, mib in self._points)
            slope = max(0.0, together / spread)
        return mean_mib - slope * mean_s, slope


def kept_mib(work_mib: float, settings: VramSettings, limits: Limits) -> float:
    """What has to stay free besides a loaded model: room to work without becoming CRITICAL."""
    return max(work_mib + settings.slack_mib, limits.enter_below_mib[1])


def needed_mib(
    resident_mib: float,
    work_mib: float,
    settings: VramSettings,
    limits: Limits,
    context_mib: float | None = None,
) -> float:
    """What has to be free for a model to be loaded.

    Args:
        resident_mib: weights and buffers of the model.
        work_mib: the most that one unit of work takes on top of them.
        settings: what a context takes, and the slack.
        limits: the thresholds of this GPU.
        context_mib: what a CUDA context takes, if that has been measured.
    """
    context = settings.context_mib if context_mib is None else context_mib
    return context + resident_mib + kept_mib(work_mib, settings, limits)
