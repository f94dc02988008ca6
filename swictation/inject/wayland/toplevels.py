"""Which window has the focus: zwlr_foreign_toplevel_manager_v1, kept up to date by events."""

import itertools
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass

from swictation.inject.wayland.client.connection import Connection
from swictation.inject.wayland.client.protocols import TOPLEVEL_MANAGER
from swictation.inject.wayland.client.wire import Remote

ACTIVATED = 2

_numbers = itertools.count(1)  # for the process: a window of another connection is another window


@dataclass
class Window:
    """A window. `number` is never used twice."""

    number: int
    app: str = ""
    active: bool = False


class Toplevels:
    """All windows; none if the compositor does not list them. For the connection's thread."""

    def __init__(self, connection: Connection, on_closed: Callable[[Window], None]) -> None:
        """`on_closed` is called with a window that is gone."""
        self._windows: dict[Remote, Window] = {}
        self._on_closed = on_closed
        self._moves = 0
        self.moved_s = 0.0
        """When the focus last came or went."""
        manager = connection.display.bind(TOPLEVEL_MANAGER)
        self.are_known = manager is not None
        if manager is not None:
            manager.on("toplevel", self._on_toplevel)

    @property
    def focused(self) -> Window | None:
        """The window with the focus."""
        return next((window for window in self._windows.values() if window.active), None)

    def same_focus(self) -> Callable[[], bool]:
        """A function: whether the focus has not moved since now, not even away and back."""
        moves = self._moves
        return lambda: self._moves == moves

    def includes(self, window: Window | None) -> bool:
        """Whether it still exists."""
        return any(one is window for one in self._windows.values())

    def _on_toplevel(self, handle: Remote) -> None:
        window = self._windows[handle] = Window(next(_numbers))
        pending = Window(window.number)

        def app_id(app: str) -> None:
            pending.app = app

        def state(states: bytes) -> None:
            pending.active = (ACTIVATED,) in struct.iter_unpack("=I", states)

        def done() -> None:
            if window.active != pending.active:
                self._moved()
            window.app, window.active = pending.app, pending.active

        def closed() -> None:
            if window.active:
                self._moved()
            del self._windows[handle]
            handle.send("destroy")
            self._on_closed(window)

        handle.on("app_id", app_id)
        handle.on("state", state)
        handle.on("done", done)
        handle.on("closed", closed)

    def _moved(self) -> None:
        self._moves += 1
        self.moved_s = time.monotonic()
