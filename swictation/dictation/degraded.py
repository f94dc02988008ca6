"""What does not work as configured at present, and since when."""

from swictation.clock import Clock
from swictation.control.status import Degraded
from swictation.events import SpoolFailed, SpoolRecovered
from swictation.facts import Fact, LossEnded, LossGrew

LOSING = "losing sound"
"""Sound that is not text yet leaves RAM, and is not on disk."""
AUDIO_ONLY = "audio-only"
"""No detector works: sound is only captured."""
NO_ENGINE = "no engine"
NO_MICROPHONE = "no microphone"
NO_WINDOW = "no window"
NO_SPOOL = "memory only"
CPU_ENGINE = "cpu-engine"
"""The engine on the CPU replaces the one on the GPU."""
VAD_ONLY = "vad-only"
"""Speech is heard and kept, and becomes text later."""

_GRAVEST_FIRST = (
    *(LOSING, AUDIO_ONLY, NO_ENGINE, NO_MICROPHONE, VAD_ONLY),
    *(NO_WINDOW, NO_SPOOL, CPU_ENGINE),
)


class Degradations:
    """The degraded modes that apply now, of which the gravest is shown."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._found: dict[str, tuple[str, float]] = {}

    def on_fact(self, fact: Fact) -> None:
        """A listener for spool and journal; other modes are put by their owners."""
        match fact:
            case SpoolFailed():
                self.put(NO_SPOOL, fact.message)
            case SpoolRecovered():
                self.put(NO_SPOOL, "")
            case LossGrew():
                self.put(LOSING, fact.message)
            case LossEnded():
                self.put(LOSING, "")
            case _:
                pass

    def put(self, mode: str, reason: str) -> None:
        """Set `mode` because of `reason`; an empty reason ends it."""
        if not reason:
            self._found.pop(mode, None)
            return
        _, since_s = self._found.get(mode, ("", self._clock.now_s()))
        self._found[mode] = (reason, since_s)

    def has(self, mode: str) -> bool:
        """Whether `mode` applies."""
        return mode in self._found

    @property
    def gravest(self) -> Degraded | None:
        """The mode to show; None while nothing is degraded."""
        for mode in _GRAVEST_FIRST:
            if mode in self._found:
                reason, since_s = self._found[mode]
                return Degraded(mode, reason, round(self._clock.now_s() - since_s, 1))
        return None
