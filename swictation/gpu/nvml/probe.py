"""The port for reading a GPU's memory."""

from collections.abc import Collection
from typing import Protocol

import msgspec

from swictation.types import VramSnapshot


class ChosenGpu(msgspec.Struct, frozen=True):
    """The GPU that is read; its UUID is passed to a worker that has to use the same one."""

    index: int
    uuid: str
    name: str


class MemoryProbe(Protocol):
    """Reads a GPU's memory. Used on one thread; a faulty driver may block it for ever."""

    @property
    def gpu(self) -> ChosenGpu | None:
        """The GPU that was read last; None before the first. Any thread may ask."""
        ...

    def read(self, pids: Collection[int] = ()) -> VramSnapshot:
        """Read the memory, and how much of it those processes hold. Never raises.

        It opens the driver if it is closed, unless the GPU sleeps.
        """
        ...

    def close(self) -> None:
        """Close the driver, so that the GPU may sleep; the next reading opens it again."""
        ...
