"""Windows that were typed into and have not confirmed that they handled the keys."""

from concurrent.futures import Future

import msgspec

from swictation.inject.x11.barrier import Barrier
from swictation.inject.x11.focus import Focus
from swictation.inject.x11.keys.spares import SpareKeycodes


class _Wait(msgspec.Struct):
    focus: Focus
    ping: int
    proof: "Future[bool | None]"


class UnreadKeys:
    """Waits for the pong or the end of each such window: keys cannot be taken back.

    Meanwhile the spare keycodes among them stay as they are.
    """

    def __init__(self, barrier: Barrier, spares: SpareKeycodes) -> None:
        self._barrier = barrier
        self._spares = spares
        self._waits: dict[int, _Wait] = {}

    def add(self, focus: Focus, ping: int, characters: str) -> "Future[bool | None]":
        """Add `focus`, which has not answered `ping` behind its keys; returns the proof."""
        self._barrier.watch(focus.toplevel)
        self._spares.pin(focus.client, characters)
        wait = self._waits[focus.client] = _Wait(focus, ping, Future())
        return wait.proof

    def why_not(self, focus: Focus) -> str:
        """Why nothing may be sent to `focus` now, or ""."""
        self.tend()
        if focus.client in self._waits:
            return "the window has not handled the keys before yet"
        return ""

    def tend(self) -> None:
        """Check which windows have answered, and which are gone."""
        for wait in list(self._waits.values()):
            arrived = self._barrier.has_answered(wait.focus, wait.ping)
            if arrived or self._barrier.is_gone(wait.focus):
                self._decide(wait, arrived)

    def close(self, arrived: bool | None) -> None:
        """Stop watching; `arrived`: False if all windows are gone too, else None."""
        for wait in list(self._waits.values()):
            wait.proof.set_result(arrived)
        self._waits.clear()

    def _decide(self, wait: _Wait, arrived: bool) -> None:
        del self._waits[wait.focus.client]
        self._spares.unpin(wait.focus.client)
        self._barrier.unwatch(wait.focus.toplevel)
        wait.proof.set_result(arrived)
