"""Marks on windows that have a paste key to handle, for a daemon that comes after this one."""

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
    """A property on the application window. It goes with the window, not with who set it."""

    def __init__(self, x: Connection, barrier: Barrier) -> None:
        self._x = x
        self._barrier = barrier
        self._mine = secrets.randbits(31)

    def put(self, focus: Focus) -> None:
        """A key is about to be in `focus`."""
        mark = Property(Xatom.CARDINAL, 32, (self._mine,))
        self._x.write(self._x.window(focus.toplevel), self._x.atom(_NAME), mark)

    def remove(self, focus: Focus) -> None:
        """It is spent."""
        window = self._x.window(focus.toplevel)
        window.delete_property(self._x.atom(_NAME), onerror=CatchError())

    def is_left(self, focus: Focus) -> bool:
        """Whether `focus`, which is watched, may have a key of a daemon that has ended.

        A second key would make it take the next text twice. Pongs may prove that it has not: two,
        with a pause between, as some ask for the text in several steps.
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
