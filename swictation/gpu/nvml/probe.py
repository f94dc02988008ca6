"""The port of a GPU's memory."""

from collections.abc import Collection
from typing import Protocol

import msgspec

from swictation.types import VramSnapshot


class ChosenGpu(msgspec.Struct, frozen=True):
    """The GPU that is read; a worker that is to use the same one is told its UUID."""

    index: int
    uuid: str
    name: str


class MemoryProbe(Protocol):
    """Reads a GPU's memory. Used on one thread; a driver in trouble may block it for ever."""

    @property
    def gpu(self) -> ChosenGpu | None:
        """The GPU that was read last; None before there was any. Of any thread."""
        ...

    def read(self, pids: Collection[int] = ()) -> VramSnapshot:
        """The memory now, and how much of it those processes hold. Never raises.

        It opens the driver where it is closed, unless the GPU sleeps.
        """
        ...

    def close(self) -> None:
        """Let go of the driver, so that the GPU may sleep; the next reading opens it again."""
        ...
