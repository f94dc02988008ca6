"""Proofs that somebody else has handled everything that was sent before."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Literal

from Xlib import X
from Xlib.error import CatchError
from Xlib.protocol import rq

from swictation.inject.x11.connection import Connection
from swictation.inject.x11.focus import Focus

Crossing = Literal["crossed", "silent", "gone"]

TIMEOUT_S = 2.5
WM_TIMEOUT_S = 0.5
_WM_MISSES = 2


class Barrier:
    """_NET_WM_PING to the target, a frame question to the window manager.

    Both come back in order behind all earlier events, so the answer proves that those were
    handled. Only a window that lists _NET_WM_PING is asked: xterm exits when pinged.
    """

    def __init__(self, connection: Connection) -> None:
        self._x = connection
        self._serial = 0x5717_0000
        self._last_pong = 0
        self._watched = 0
        self._is_gone = False
        self._frame_answers = 0
        self._wm_misses = 0
        connection.on_event(self._handle)

    @contextmanager
    def listening(self, focus: Focus) -> Generator[None]:
        """Hear pongs, and at once when the window is destroyed.

        Only for the length of an injection: the root tells of every window that moves, and an
        idle daemon shall not wake for that. Most clients send their pong to those who selected
        SubstructureNotify, Qt to StructureNotify.
        """
        self._watched, self._is_gone = focus.toplevel, False
        top = self._x.window(focus.toplevel)
        self._x.root.change_attributes(event_mask=X.SubstructureNotifyMask | X.StructureNotifyMask)
        top.change_attributes(event_mask=X.StructureNotifyMask, onerror=CatchError())
        try:
            yield
        finally:
            top.change_attributes(event_mask=X.NoEventMask, onerror=CatchError())
            self._x.root.change_attributes(event_mask=X.NoEventMask)
            self._watched = 0

    def cross(self, focus: Focus, timeout_s: float = TIMEOUT_S) -> Crossing:
        """Ping `focus`, which must answer pings, and wait for its pong."""
        self._serial += 1
        serial = self._serial
        top = self._x.window(focus.toplevel)
        ping = [self._x.atom("_NET_WM_PING"), serial, focus.toplevel]
        caught = self._x.message(top, "WM_PROTOCOLS", ping, to=top)

        def gone() -> bool:
            return self._is_gone or caught.get_error() is not None

        answered = self._x.pump(lambda: self._last_pong == serial or gone(), timeout_s)
        if self._last_pong == serial:
            return "crossed"
        return "gone" if answered else "silent"

    def cross_window_manager(self) -> bool:
        """True once the window manager has handled a remapping: it binds its keys anew."""
        if not self._frame_answers and self._wm_misses >= _WM_MISSES:
            return False  # there is none, or it does not know the question
        before = self._frame_answers
        mask = X.SubstructureNotifyMask | X.SubstructureRedirectMask
        self._x.message(self._x.own, "_NET_REQUEST_FRAME_EXTENTS", [], to=self._x.root, mask=mask)
        answered = self._x.pump(lambda: self._frame_answers > before, WM_TIMEOUT_S)
        self._wm_misses += not answered
        return answered

    def _handle(self, event: rq.Event) -> None:
        if event.type == X.ClientMessage and event.client_type == self._x.atom("WM_PROTOCOLS"):
            data = event.data[1]
            if data[0] == self._x.atom("_NET_WM_PING"):
                self._last_pong = int(data[1])
        elif event.type == X.DestroyNotify and event.window.id == self._watched:
            self._is_gone = True
        elif (
            event.type == X.PropertyNotify
            and event.window == self._x.own
            and event.atom == self._x.atom("_NET_FRAME_EXTENTS")
        ):
            self._frame_answers += 1
