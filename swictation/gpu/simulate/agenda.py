"""A queue of actions in simulated time."""

import heapq
from collections.abc import Callable
from itertools import count

FOR_EVER_S = float("inf")


class Agenda:
    """Actions, each at its time; those at the same time in the order of `put`."""

    def __init__(self) -> None:
        self._entries: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()

    @property
    def next_s(self) -> float:
        return self._entries[0][0] if self._entries else FOR_EVER_S

    def put(self, at_s: float, do: Callable[[], None]) -> None:
        heapq.heappush(self._entries, (at_s, next(self._numbers), do))

    def do_due(self, now_s: float) -> None:
        """Do all actions that are due, including those that they add for now."""
        while self._entries and self._entries[0][0] <= now_s:
            heapq.heappop(self._entries)[2]()
