"""How long the last words of an utterance take from the end of speech to their commit. Pure."""

from collections import deque

import msgspec

from swictation.types import SpeechEnded, to_samples, to_seconds

_KEPT = 200
_TAIL_SAMPLES = to_samples(0.2)


class _Timing(msgspec.Struct):
    speech_end_s: float | None = None
    last_commit_s: float | None = None


class Latency:
    """Finalisation latencies of the last 200 utterances that brought text."""

    def __init__(self) -> None:
        self._open: dict[int, _Timing] = {}
        self._found_ms: deque[float] = deque(maxlen=_KEPT)

    def ended(self, point: SpeechEnded, arrived_s: float) -> None:
        """Note an utterance's end; its last sound came in at `arrived_s`. Cuts do not count."""
        if point.reason != "cap":
            silence_s = to_seconds(point.at_sample - point.last_sample + _TAIL_SAMPLES)
            self._open.setdefault(point.utterance, _Timing()).speech_end_s = arrived_s - silence_s

    def committed(self, utterance: int, now_s: float) -> None:
        """Note that words of it were committed."""
        self._open.setdefault(utterance, _Timing()).last_commit_s = now_s

    def settled(self, utterance: int) -> float | None:
        """No more words will come; its latency in s, if it has one."""
        timing = self._open.pop(utterance, None)
        if timing is None or timing.speech_end_s is None or timing.last_commit_s is None:
            return None
        latency_s = max(0.0, timing.last_commit_s - timing.speech_end_s)
        self._found_ms.append(1000.0 * latency_s)
        return latency_s

    @property
    def utterances(self) -> int:
        """How many of them there were."""
        return len(self._found_ms)

    def percentile_ms(self, part: float) -> float | None:
        """The latency that `part` (0 to 1) of them stay below; None before there is any."""
        if not self._found_ms:
            return None
        ordered = sorted(self._found_ms)
        return round(ordered[min(len(ordered) - 1, int(part * len(ordered)))], 1)
