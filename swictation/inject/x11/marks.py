"""Marks windows that still have a paste key to handle, for the next daemon."""

import secrets

from Xlib import Xatom
from Xlib.error import CatchError

from swictation.inject.x11.barrier import Barrier
from swictation.inject.x11.connection import Connection, Property
from swictation.inject.x11.focus import Focus
from swictation.inject.x11.programs import answers_for_itself

GRACE_S = 0.3
"""Between a window's pong and its asking for the text: measured in docs/injection.md."""

_NAME = "_SWICTATION_KEY"


class Marks:
    """A property on the application window. It lives as long as the window, not its setter."""

    def __init__(self, x: Connection, barrier: Barrier) -> None:
        self._x = x
        self._barrier = barrier
        self._mine = secrets.randbits(31)

    def put(self, focus: Focus) -> None:
        """Mark `focus`: a key is about to be sent there."""
        mark = Property(Xatom.CARDINAL, 32, (self._mine,))
        self._x.write(self._x.window(focus.toplevel), self._x.atom(_NAME), mark)

    def remove(self, focus: Focus) -> None:
        """Remove the mark: the key is spent."""
        window = self._x.window(focus.toplevel)
        window.delete_property(self._x.atom(_NAME), onerror=CatchError())

    def is_left(self, focus: Focus) -> bool:
        """Whether `focus`, which is watched, may have a key of a daemon that has ended.

        A second key would make it take the next text twice. Two pongs with a pause between them
        prove that it has none: some windows ask for the text in several steps.
        """
        mark = self._x.read(self._x.window(focus.toplevel), _NAME)
        if mark is None or mark.numbers == (self._mine,):
            return False
        if not (focus.answers_ping and answers_for_itself(focus.pid)) or not self._crosses(focus):
            return True
        self._x.pump(lambda: False, GRACE_S)
        if not self._crosses(focus):
            return True
        self.remove(focus)
        return False

    def _crosses(self, focus: Focus) -> bool:
        return self._barrier.cross(focus) == "crossed"
