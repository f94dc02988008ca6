"""An utterance that is set aside: what is known of it, and whether it is to be tried."""

from collections.abc import Callable, Iterable
from shlex import quote

import msgspec

from swictation.dictation.stream import Utterance
from swictation.errors import SwictationError
from swictation.types import Placement, to_seconds

TRIES = 2
"""By itself: one at once, one when the engine has served other work since."""


class QuarantinedUtterance(msgspec.Struct):
    """See the module. Belongs to the run loop."""

    number: int
    utterance: Utterance
    typed: str
    """What the engine had brought of it, in its own words."""
    placements: set[Placement]
    """Where it was tried."""
    where: Callable[[], str]
    """Keeps its sound, and tells where that is; "" while it is not on disk."""
    tries: int = 0
    is_served: bool = False
    """Whether the engine has served other work since the last try."""
    is_wished: bool = False
    """Whether the user asked for a try."""
    state: str = ""
    """What became of it last, as the event `retry` says."""
    is_gone: bool = False
    """Whether its sound was on disk and is no more."""

    @property
    def is_due(self) -> bool:
        """Whether it is to be tried as soon as that disturbs nobody."""
        return self.is_wished or not self.tries or (self.tries < TRIES and self.is_served)

    @property
    def waits(self) -> bool:
        """Whether only the user's wish has it tried again."""
        return self.tries >= TRIES and not self.is_wished

    @property
    def path(self) -> str:
        """Where its sound is; "" where that is in memory alone. A disk may have room later."""
        self.utterance.kept_at = self.utterance.kept_at or self.where()
        return self.utterance.kept_at

    @property
    def seconds(self) -> float:
        """Its length."""
        return to_seconds(max(0, self.utterance.last_sample - self.utterance.first_sample))

    @property
    def is_settled(self) -> bool:
        """Whether nobody has to do anything about it any more."""
        return self.state in {"offered", "empty", "gone", "cancelled"}

    def failed(self) -> None:
        """It was tried, and in vain."""
        self.tries += 1
        self.is_served = self.is_wished = False


def still_quarantined(left: Iterable[QuarantinedUtterance]) -> SwictationError:
    """What to tell somebody who wished for a try that brought nothing."""
    asides = list(left)
    paths = [one.path for one in asides if one.path]
    count = "1 utterance is" if len(asides) == 1 else f"{len(asides)} utterances are"
    where = f", in {', '.join(paths)}" if paths else ""
    message = f"{count} still set aside{where}: the engine died on it again, or there is none now."
    files = " ".join(quote(path) for path in paths)
    return SwictationError(message, f"swictation transcribe {files}" if paths else "")
