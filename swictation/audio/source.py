"""The port of a source of sound."""

import time
from collections.abc import Callable
from threading import Event
from typing import Protocol

from swictation.types import Samples

BLOCK_SAMPLES = 1600
"""What a source delivers at a time: 100 ms."""
LAST_BLOCK_S = 1.3
"""Time for the block that holds the moment of the key, from a source that lags by a second at most;
a frozen server never delivers it."""

Deliver = Callable[[Samples], None]


class Stop(Event):
    """A request to end that knows when it was made: a microphone's sound is late."""

    def __init__(self) -> None:
        super().__init__()
        self.at_s: float | None = None
        """By the monotonic clock."""

    def set(self) -> None:
        """See `Event.set`; the first time counts."""
        if self.at_s is None:
            self.at_s = time.monotonic()
        super().set()


class Source(Protocol):
    """Something to listen to, once."""

    @property
    def can_wait(self) -> bool:
        """Whether nothing is lost while `deliver` waits: true for a file, not for a microphone."""
        ...

    @property
    def name(self) -> str:
        """Its name for people."""
        ...

    def run(self, deliver: Deliver, stop: Stop) -> None:
        """Deliver blocks of int16 mono at 16 kHz until the end or until `stop` is set.

        A microphone goes on until the block that contains that moment.

        Blocks the thread it is called on, which owns open and close. `deliver` may wait if
        `can_wait`; a microphone calls it on the sound library's thread.

        Raises:
            AudioError: it cannot be opened or read; what was delivered before still counts.
        """
        ...
