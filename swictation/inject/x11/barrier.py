"""Proofs that another program has handled everything that was sent before."""

from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from typing import Literal

from Xlib import X
from Xlib.error import CatchError, XError
from Xlib.protocol import rq

from swictation.inject.x11.connection import Connection
from swictation.inject.x11.focus import Focus
from swictation.inject.x11.programs import process_of

Crossing = Literal["crossed", "silent", "gone"]

_TIMEOUT_S = 2.5
_WM_TIMEOUT_S = 0.5
_WM_MISSES = 2
_FIRST = 0x5717_0000


class Barrier:
    """_NET_WM_PING to the target, a frame question to the window manager.

    Both come back in order behind all earlier events, so the answer proves that those were
    handled. Only a window that lists _NET_WM_PING is asked: xterm exits when pinged.
    """

    def __init__(self, connection: Connection) -> None:
        self._x = connection
        self._serial = _FIRST
        self._watched: Counter[int] = Counter()
        self._gone: set[int] = set()
        self._pongs: dict[int, int] = {}
        self._frame_answers = 0
        self._wm_misses = 0
        connection.on_event(self._handle)

    def watch(self, toplevel: int) -> None:
        """Receive its pongs, and the event of its destruction, until `unwatch`.

        Only while something is under way: the root reports every window that moves, and an idle
        daemon must not wake up for that. Most clients send their pong to those who selected
        SubstructureNotify, Qt to StructureNotify.
        """
        self._watched[toplevel] += 1
        if self._watched[toplevel] > 1:
            return
        self._gone.discard(toplevel)
        top = self._x.window(toplevel)
        self._x.root.change_attributes(event_mask=X.SubstructureNotifyMask | X.StructureNotifyMask)
        top.change_attributes(event_mask=X.StructureNotifyMask, onerror=CatchError())
        try:
            top.get_attributes()
        except XError:
            self._gone.add(toplevel)

    def unwatch(self, toplevel: int) -> None:
        """Stop watching, once this was called as often as `watch`."""
        self._watched[toplevel] -= 1
        if self._watched[toplevel] > 0:
            return
        del self._watched[toplevel]
        self._gone.discard(toplevel)
        self._pongs.pop(toplevel, None)
        top = self._x.window(toplevel)
        top.change_attributes(event_mask=X.NoEventMask, onerror=CatchError())
        if not self._watched:
            self._x.root.change_attributes(event_mask=X.NoEventMask)

    @contextmanager
    def watching(self, focus: Focus) -> Generator[None]:
        """Watch the window of `focus` during an injection."""
        self.watch(focus.toplevel)
        try:
            yield
        finally:
            self.unwatch(focus.toplevel)

    def is_gone(self, focus: Focus) -> bool:
        """Whether its application window, which is watched, was destroyed."""
        return focus.toplevel in self._gone

    def process_of(self, focus: Focus) -> int:
        """The client's current process; 0 if it is gone or unknown."""
        return process_of(self._x, focus.client)

    def ping(self, focus: Focus) -> int:
        """Ping `focus`, which must answer pings and be watched; the number of the ping."""
        self._serial += 1
        top = self._x.window(focus.toplevel)
        ping = [self._x.atom("_NET_WM_PING"), self._serial, focus.toplevel]
        self._x.message(top, "WM_PROTOCOLS", ping, to=top)
        return self._serial

    def has_answered(self, focus: Focus, serial: int) -> bool:
        """Whether this ping, or a later one, has come back."""
        return self._pongs.get(focus.toplevel, 0) >= serial

    def cross(self, focus: Focus) -> Crossing:
        """Ping `focus` and wait for its pong."""
        return self.wait(focus, self.ping(focus))

    def wait(self, focus: Focus, serial: int) -> Crossing:
        """Wait for the pong of a ping."""

        def over() -> bool:
            return self.has_answered(focus, serial) or self.is_gone(focus)

        ended = self._x.pump(over, _TIMEOUT_S)
        if self.has_answered(focus, serial):
            return "crossed"
        return "gone" if ended else "silent"

    def cross_window_manager(self) -> bool:
        """True once the window manager has handled a remapping: it binds its keys again."""
        if not self._frame_answers and self._wm_misses >= _WM_MISSES:
            return False  # there is none, or it does not know the question
        before = self._frame_answers
        mask = X.SubstructureNotifyMask | X.SubstructureRedirectMask
        self._x.message(self._x.own, "_NET_REQUEST_FRAME_EXTENTS", [], to=self._x.root, mask=mask)
        answered = self._x.pump(lambda: self._frame_answers > before, _WM_TIMEOUT_S)
        self._wm_misses += not answered
        return answered

    def _handle(self, event: rq.Event) -> None:
        if event.type == X.ClientMessage and event.client_type == self._x.atom("WM_PROTOCOLS"):
            kind, serial, toplevel = (int(number) for number in event.data[1][:3])
            ours = _FIRST < serial <= self._serial  # a window manager pings with its clock
            if kind == self._x.atom("_NET_WM_PING") and toplevel in self._watched and ours:
                self._pongs[toplevel] = max(serial, self._pongs.get(toplevel, 0))
        elif event.type == X.DestroyNotify and event.window.id in self._watched:
            self._gone.add(int(event.window.id))
        elif (
            event.type == X.PropertyNotify
            and event.window == self._x.own
            and event.atom == self._x.atom("_NET_FRAME_EXTENTS")
        ):
            self._frame_answers += 1
