"""When tentative text may be requested: spaced by its cost, so as not to delay finals. Pure."""

from swictation.types import DecodeRequest, to_samples

WINDOW_SAMPLES = to_samples(8.0)
"""A partial decodes at most the last 8 s."""

_LEAST_SPEECH_SAMPLES = to_samples(0.6)
_LEAST_INTERVAL_S = 0.25
_MOST_DEATHS = 2
_COST_FACTOR = 3.0
"""From start to start at least three times what the last partial took, of CPU or wall time: a third
of a core at most, and an overloaded machine keeps two thirds of its time for finals."""


class PartialPacer:
    """Spaces the partials of one stream."""

    def __init__(self, speech_threshold: float) -> None:
        self._speech_threshold = speech_threshold
        self._open: DecodeRequest | None = None
        self._asked_s = 0.0
        self._next_s = 0.0
        self._deaths = 0

    def may_ask(self, speech_probability: float, now_s: float) -> bool:
        """Whether a partial may start now, given the last frame's probability of speech.

        Never again after two workers died on partials, which are a convenience.
        """
        if self._deaths >= _MOST_DEATHS or speech_probability < self._speech_threshold:
            return False
        return self._open is None and now_s >= self._next_s

    def asked(self, request: DecodeRequest, now_s: float) -> bool:
        """Note a partial that is about to be sent; False if it is too short to be worth it."""
        if request.last_sample - request.first_sample < _LEAST_SPEECH_SAMPLES:
            return False
        self._open, self._asked_s = request, now_s
        return True

    def answered(self, number: int, cpu_s: float, now_s: float) -> DecodeRequest | None:
        """Return the partial that `number` answers, if it is one; its cost delays the next."""
        request = self._open
        if request is None or request.number != number:
            return None
        self._open = None
        cost_s = max(cpu_s, now_s - self._asked_s)
        self._next_s = self._asked_s + max(_LEAST_INTERVAL_S, _COST_FACTOR * cost_s)
        return request

    def worker_died(self) -> None:
        """The worker has died, and its open partial is lost."""
        if self._open:
            self._deaths += 1
        self._open = None
