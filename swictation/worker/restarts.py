"""When to restart a worker, when to give up, and which utterance to blame. Pure."""

from collections import Counter

import msgspec

from swictation.backoff import doubled_s
from swictation.types import DEATHS_UNTIL_QUARANTINE, Placement

_FIRST_DELAY_S = 0.5
_MAX_DELAY_S = 300.0
"""For a daemon, which never gives up: a start costs seconds of CPU."""
HOPELESS_FAILURES = 4
"""After this many workers in a row without an answer, restarting should stop."""
HOPELESS_KILLS = 12
"""The limit for workers that were killed from outside: the cause may soon be over."""
HOPELESS_QUARANTINES = 4
"""After this many quarantined utterances in a row, the utterances are not the cause."""
_PRIOR_PACE = 0.25
"""Seconds of decoding for a second of audio, before the first measurement."""


class Restarts(msgspec.Struct, frozen=True):
    """How the last workers fared."""

    failures: int = 0
    """Workers in a row that ended by themselves without an answer."""
    kills: int = 0
    """Workers that were killed from outside since the last answer."""
    quarantined: int = 0
    """Utterances quarantined since the last answer; their deaths do not count as failures."""

    @property
    def is_hopeless(self) -> bool:
        """Whether restarts have proved useless."""
        return (
            self.failures >= HOPELESS_FAILURES
            or self.kills >= HOPELESS_KILLS
            or self.quarantined >= HOPELESS_QUARANTINES
        )

    def delay_s(self) -> float:
        """How long to wait before the next start; 0 after a worker that had answered."""
        if self.failures <= 1:
            return _FIRST_DELAY_S if self.kills > 1 else 0.0
        return doubled_s(_FIRST_DELAY_S, _MAX_DELAY_S, self.failures - 2)

    def died(self, *, by_kill: bool = False) -> "Restarts":
        """Count a worker that died, hung, failed to load, or was killed from outside."""
        if by_kill:
            return msgspec.structs.replace(self, kills=self.kills + 1)
        return msgspec.structs.replace(self, failures=self.failures + 1)

    def excused(self) -> "Restarts":
        """Forgive the last deaths: an utterance caused them, and is quarantined."""
        return Restarts(quarantined=self.quarantined + 1)


class Blame:
    """How many workers died on each utterance of a stream since its last answer.

    By placement: what kills an engine on the GPU may be harmless to the one on the CPU.
    """

    def __init__(self) -> None:
        self._deaths: Counter[tuple[int, Placement]] = Counter()

    def count(self, utterance: int, placement: Placement) -> int:
        """How many workers there died on `utterance`."""
        return self._deaths[utterance, placement]

    def placements(self, utterance: int) -> set[Placement]:
        """Where a worker died on `utterance`."""
        return {placement for number, placement in self._deaths if number == utterance}

    def add(self, utterance: int, placement: Placement) -> bool:
        """Count a worker there that died on `utterance`; returns whether to quarantine it."""
        self._deaths[utterance, placement] += 1
        is_poison = self._deaths[utterance, placement] >= DEATHS_UNTIL_QUARANTINE
        if is_poison and placement == "cpu":  # of the GPU it is kept, for the utterance moves
            self.clear(utterance)
        return is_poison

    def clear(self, utterance: int) -> None:
        """Forget the deaths on `utterance`: a worker has answered it."""
        for placement in self.placements(utterance):
            del self._deaths[utterance, placement]


class HangDeadline:
    """How long a decode may take: max(least, factor x predicted), from the last ten decodes.

    The first decode is predicted to take a quarter of the audio's length. That is generous, because
    it also warms the caches.
    """

    def __init__(self, least_s: float, factor: float) -> None:
        self._least_s = least_s
        self._factor = factor
        self._paces: list[float] = []

    def learn(self, audio_s: float, decode_s: float) -> None:
        """A decode of `audio_s` took `decode_s` of wall time."""
        self._paces = [*self._paces[-9:], decode_s / _effort_s(audio_s)]

    def seconds(self, audio_s: float) -> float:
        """The deadline for `audio_s` of audio."""
        pace = max(self._paces) if self._paces else _PRIOR_PACE
        return max(self._least_s, self._factor * pace * _effort_s(audio_s))


def _effort_s(audio_s: float) -> float:
    """The seconds that count: short audio costs nearly as much as 3 s (the least context)."""
    return max(audio_s, 3.0)
