"""When to start a worker again, when to give up, which utterance to blame. Pure."""

from collections import Counter

import msgspec

from swictation.backoff import doubled_s
from swictation.types import DEATHS_UNTIL_QUARANTINE, Placement

_FIRST_DELAY_S = 0.5
_MAX_DELAY_S = 300.0
"""For a daemon, which never gives up: a start costs seconds of CPU."""
HOPELESS_FAILURES = 4
"""Workers in a row that answered nothing, after which trying should stop."""
HOPELESS_KILLS = 12
"""The same where somebody else killed them: that may soon be over."""
HOPELESS_QUARANTINES = 4
"""Utterances in a row on which they died: then it is not the utterances' fault."""
_PRIOR_PACE = 0.25
"""Seconds of decoding a second of audio, before any was seen."""


class Restarts(msgspec.Struct, frozen=True):
    """How the last workers fared."""

    failures: int = 0
    """Workers in a row that ended by themselves without having answered anything."""
    kills: int = 0
    """Workers that were killed from outside since the last answer."""
    quarantined: int = 0
    """Utterances set aside since the last answer: their deaths are no failures."""

    @property
    def is_hopeless(self) -> bool:
        """Whether starting again has proved useless."""
        return (
            self.failures >= HOPELESS_FAILURES
            or self.kills >= HOPELESS_KILLS
            or self.quarantined >= HOPELESS_QUARANTINES
        )

    def delay_s(self) -> float:
        """How long to wait before the next start: at once after one that had served."""
        if self.failures <= 1:
            return _FIRST_DELAY_S if self.kills > 1 else 0.0
        return doubled_s(_FIRST_DELAY_S, _MAX_DELAY_S, self.failures - 2)

    def died(self, *, by_kill: bool = False) -> "Restarts":
        """A worker died, hung, failed to load, or was killed from outside."""
        if by_kill:
            return msgspec.structs.replace(self, kills=self.kills + 1)
        return msgspec.structs.replace(self, failures=self.failures + 1)

    def excused(self) -> "Restarts":
        """The last deaths are put down to an utterance, which is set aside."""
        return Restarts(quarantined=self.quarantined + 1)


class Blame:
    """How many workers died on which utterance of a stream since it last brought an answer.

    By placement: what kills an engine on the GPU may be harmless to the one on the processor.
    """

    def __init__(self) -> None:
        self._deaths: Counter[tuple[int, Placement]] = Counter()

    def count(self, utterance: int, placement: Placement) -> int:
        """How many died on `utterance` there."""
        return self._deaths[utterance, placement]

    def placements(self, utterance: int) -> set[Placement]:
        """Where one died on it."""
        return {placement for number, placement in self._deaths if number == utterance}

    def add(self, utterance: int, placement: Placement) -> bool:
        """A worker there died while it decoded `utterance`; whether it is never to try again."""
        self._deaths[utterance, placement] += 1
        is_poison = self._deaths[utterance, placement] >= DEATHS_UNTIL_QUARANTINE
        if is_poison and placement == "cpu":  # on the GPU it is remembered, for it goes elsewhere
            self.clear(utterance)
        return is_poison

    def clear(self, utterance: int) -> None:
        """A worker has answered for `utterance`: earlier deaths were bad luck."""
        for placement in self.placements(utterance):
            del self._deaths[utterance, placement]


class HangDeadline:
    """How long a decode may take: max(least, factor x predicted), from the last ten decodes.

    Before there are any, a decode is predicted to take a quarter of the audio's length: generous,
    because the first one also warms the caches.
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
    """Short audio costs nearly as much as a few seconds (the least context)."""
    return max(audio_s, 3.0)
