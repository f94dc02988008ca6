"""What one injection has sent, as both threads see it."""

import threading
from concurrent.futures import Future
from dataclasses import dataclass


@dataclass(eq=False)
class Refused(Exception):
    """None of the text has arrived, and none will."""

    reason: str
    try_other: bool = False
    """Only this method is blocked; another one may work at once."""


@dataclass(eq=False)
class Halted(Exception):
    """It ended in the middle: what `Progress` counts as sent may have arrived."""

    reason: str
    proof: "Future[bool | None] | None" = None
    """Set if unconfirmed text waits in the window: it decides whether that has arrived."""


class Progress:
    """Counts characters: claimed before they are sent, proven after.

    The display thread claims and proves. The run loop may abandon: from then on every claim
    raises, so what it reads at that moment stays true even if a hung server recovers later.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sent = 0
        self._confirmed = 0
        self._abandoned = False

    def claim(self, characters: int) -> None:
        """About to send that many. Raises `Halted` if the caller has given up."""
        with self._lock:
            if self._abandoned:
                raise Halted("given up")
            self._sent += characters

    def withdraw(self) -> None:
        """Take back the claim: it has not arrived and no longer can."""
        with self._lock:
            self._sent = self._confirmed

    def prove(self) -> None:
        """Confirm all that was sent."""
        with self._lock:
            self._confirmed = self._sent

    def read(self) -> tuple[int, int]:
        """The counts of sent and confirmed characters."""
        with self._lock:
            return self._sent, self._confirmed

    def abandon(self) -> tuple[int, int]:
        """Forbid further sending; the final counts of sent and confirmed."""
        with self._lock:
            self._abandoned = True
            return self._sent, self._confirmed
