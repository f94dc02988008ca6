"""What does not work as configured at present, and since when."""

from swictation.clock import Clock
from swictation.control.status import Degraded

Mode = str

AUDIO_ONLY = "audio-only"
"""No detector works: nothing but capture does."""
NO_ENGINE = "no engine"
NO_MICROPHONE = "no microphone"
NO_WINDOW = "no window"
NO_SPOOL = "memory only"

_GRAVEST_FIRST = (AUDIO_ONLY, NO_ENGINE, NO_MICROPHONE, NO_WINDOW, NO_SPOOL)


class Degradations:
    """Several things may be amiss at once; the gravest is shown."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._found: dict[Mode, tuple[str, float]] = {}

    def put(self, mode: Mode, reason: str) -> None:
        """`mode` is amiss because of `reason`; without a reason it is well again."""
        if not reason:
            self._found.pop(mode, None)
            return
        _, since_s = self._found.get(mode, ("", self._clock.now_s()))
        self._found[mode] = (reason, since_s)

    def has(self, mode: Mode) -> bool:
        """Whether `mode` is amiss."""
        return mode in self._found

    @property
    def gravest(self) -> Degraded | None:
        """What to show; None while all is well."""
        for mode in _GRAVEST_FIRST:
            if mode in self._found:
                reason, since_s = self._found[mode]
                return Degraded(mode, reason, round(self._clock.now_s() - since_s, 1))
        return None
