"""The port of a card's memory."""

from collections.abc import Collection
from typing import Protocol

import msgspec

from swictation.types import VramSnapshot


class ChosenCard(msgspec.Struct, frozen=True):
    """The card that is read; a worker that is to use the same one is told its UUID."""

    index: int
    uuid: str
    name: str


class MemoryProbe(Protocol):
    """Reads a card's memory. Used on one thread; a driver in trouble may block it for ever."""

    @property
    def card(self) -> ChosenCard | None:
        """The card that was read last; None before there was any. Of any thread."""
        ...

    def read(self, pids: Collection[int] = ()) -> VramSnapshot:
        """The memory now, and how much of it those processes hold. Never raises.

        It opens the driver where it is closed, unless the card sleeps.
        """
        ...

    def close(self) -> None:
        """Let go of the driver, so that the card may sleep; the next reading opens it again."""
        ...
