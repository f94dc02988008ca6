"""A quarantined utterance: what is known of it, and whether it is due for a retry."""

from collections.abc import Callable, Iterable
from shlex import quote

import msgspec

from swictation.dictation.stream import Utterance
from swictation.errors import SwictationError
from swictation.types import Placement, to_seconds

TRIES = 2
"""Without a request: one at once, one after the engine has served other work."""


class QuarantinedUtterance(msgspec.Struct):
    """Its sound, its tries and its state; used on the run loop."""

    number: int
    utterance: Utterance
    typed: str
    """The text of it that came before, in the engine's own words."""
    placements: set[Placement]
    """Where it was tried."""
    where: Callable[[], str]
    """Keeps its sound and returns the path; "" while it is not on disk."""
    tries: int = 0
    is_served: bool = False
    """Whether the engine has served other work since the last try."""
    is_wished: bool = False
    """Whether the user asked for a try."""
    state: str = ""
    """The last state in an event `retry`."""
    is_gone: bool = False
    """Whether its sound was on disk and no longer is."""

    @property
    def is_due(self) -> bool:
        """Whether to retry it as soon as that disturbs nobody."""
        return self.is_wished or not self.tries or (self.tries < TRIES and self.is_served)

    @property
    def waits(self) -> bool:
        """Whether only a request of the user has it retried."""
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
        """Whether nothing is left to do about it."""
        return self.state in {"offered", "empty", "gone", "cancelled"}

    def failed(self) -> None:
        """Note that a try failed."""
        self.tries += 1
        self.is_served = self.is_wished = False


def still_quarantined(left: Iterable[QuarantinedUtterance]) -> SwictationError:
    """The error for a user who asked for a retry that left some utterances quarantined."""
    utterances = list(left)
    paths = [one.path for one in utterances if one.path]
    count = "1 utterance is" if len(utterances) == 1 else f"{len(utterances)} utterances are"
    where = f", in {', '.join(paths)}" if paths else ""
    message = f"{count} still set aside{where}: the engine died again, or there is none now."
    files = " ".join(quote(path) for path in paths)
    return SwictationError(message, f"swictation transcribe {files}" if paths else "")
