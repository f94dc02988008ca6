"""Watches texts that are unread in a window's socket, until it reads them or is gone."""

import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

from swictation.inject.wayland.backlog import Pace
from swictation.inject.wayland.client.connection import Connection
from swictation.inject.wayland.toplevels import Window

LOOK_S = 0.1
SAYS_S = 1.0
"""A field that has read what was sent to it, and has the focus, reports it by then."""


def decided(arrived: bool | None) -> Future[bool | None]:
    """The decided proof of a text: it has arrived, it has not, or nobody can know."""
    proof: Future[bool | None] = Future()
    proof.set_result(arrived)
    return proof


@dataclass
class Unproven:
    """A text that was sent to `window`."""

    window: Window | None
    has_arrived: Callable[[], bool]
    pace: Pace
    proof: Future[bool | None] = field(default_factory=Future[bool | None])


class Waiting:
    """All unproven texts. For the connection's thread."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._texts: list[Unproven] = []

    def add(
        self, window: Window | None, has_arrived: Callable[[], bool], pace: Pace
    ) -> Future[bool | None]:
        """The proof of a text: true once it `has_arrived`, false once its reader is gone.

        The window's end decides it as well.
        """
        text = Unproven(window, has_arrived, pace)
        if not self._texts:
            self._connection.after(LOOK_S, self._look)
        self._texts.append(text)
        return text.proof

    def has(self, window: Window | None) -> bool:
        """Whether there is one for `window`, or may be."""
        return any(may_be_same(text.window, window) for text in self._texts)

    def window_closed(self, window: Window) -> None:
        """Decide its texts: it takes nothing any more."""
        for text in [text for text in self._texts if text.window is window]:
            self._decide(text)

    def close(self) -> None:
        """Leave the rest unknown: a window may still take what it has unread."""
        self._check()
        for text in list(self._texts):
            self._tell(text, arrived=None)

    def _check(self) -> None:
        for text in list(self._texts):
            if text.has_arrived() or text.pace.is_gone():
                self._decide(text)

    def _look(self) -> None:
        self._check()
        if self._texts:
            self._connection.after(LOOK_S, self._look)

    def _decide(self, text: Unproven) -> None:
        """Decide the proof: nothing more will be read."""
        if text.has_arrived():
            self._tell(text, arrived=True)
        else:
            self._tell(text, arrived=False if text.pace.is_surely_unread() else None)

    def _tell(self, text: Unproven, *, arrived: bool | None) -> None:
        self._texts.remove(text)
        text.proof.set_result(arrived)


def late_answer(pace: Pace, has_answered: Callable[[], bool]) -> Callable[[], bool]:
    """A function: whether a commit has arrived that its field did not confirm in time.

    Its field has answered, or has read all in its socket a while ago: one that loses the focus
    meanwhile no longer answers. `has_answered`: since now, and it has the focus.
    """
    was_waiting = not pace.is_read()
    read_s: float | None = None

    def has_arrived() -> bool:
        nonlocal read_s
        if not pace.is_read():
            return False
        read_s = read_s or time.monotonic()
        return (was_waiting and time.monotonic() - read_s > SAYS_S) or has_answered()

    return has_arrived


def may_be_same(one: Window | None, other: Window | None) -> bool:
    """Whether both are, or may be, one window: a compositor does not have to say."""
    return one is None or other is None or one is other
