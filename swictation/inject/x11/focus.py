"""The window that would get a key that is pressed now."""

import msgspec
from Xlib.error import XError
from Xlib.xobject.drawable import Window

from swictation.inject.injector import Target
from swictation.inject.terminals import TERMINALS, holds_terminal
from swictation.inject.x11.connection import Connection
from swictation.inject.x11.programs import process_of

_MAX_DEPTH = 32

MOVED = "the focus moved to another window"

FOCUS_RETURN_S = 1.0
"""By then a window manager that binds its keys again has returned the focus."""


class Focus(msgspec.Struct, frozen=True):
    """The window with the keyboard focus, and the application window around it."""

    window: int
    toplevel: int
    classes: tuple[str, ...]
    answers_ping: bool
    client: int
    """The XID base of the client: all its windows have it."""
    pid: int = 0
    """The client's process; 0 if unknown."""
    is_terminal: bool = False
    """By its name, or because it has a pseudo-terminal."""

    @property
    def target(self) -> Target:
        """As the port names it. X11 cannot distinguish passwords from text."""
        return Target(f"x11:{self.toplevel:#x}", self.classes[-1] if self.classes else "", None)


def read_focus(x: Connection) -> Focus | None:
    """The focus, or None if no application has it.

    _NET_ACTIVE_WINDOW is a claim of the window manager that lags; XGetInputFocus is what the
    server will do. An ancestor with WM_STATE is required: while a window manager binds its keys
    again, the focus is on a window of its own, and what is typed then is lost.
    """
    focused = x.display.get_input_focus().focus
    if isinstance(focused, int) or focused.id == x.root.id:
        return None
    window: Window = focused
    try:
        for _ in range(_MAX_DEPTH):
            if x.read(window, "WM_STATE") is not None:
                return _describe(x, focused, window)
            parent = window.query_tree().parent
            if isinstance(parent, int) or parent.id == x.root.id:
                return None
            window = parent
    except XError:
        return None
    return None


def holder(x: Connection, focus: Focus) -> int | None:
    """The window that has the focus, if it belongs to the application window of `focus`."""
    focused = x.display.get_input_focus().focus
    if isinstance(focused, int):
        return None
    if focused.id == focus.window:
        return focus.window
    now = read_focus(x)
    return now.window if now and now.toplevel == focus.toplevel else None


def _describe(x: Connection, focused: Window, top: Window) -> Focus:
    protocols = x.read(top, "WM_PROTOCOLS")
    classes = tuple(name.lower() for name in top.get_wm_class() or ())
    client = int(focused.id) & ~x.client_mask
    pid = process_of(x, client)
    return Focus(
        window=int(focused.id),
        toplevel=int(top.id),
        classes=classes,
        answers_ping=protocols is not None and x.atom("_NET_WM_PING") in protocols.numbers,
        client=client,
        pid=pid,
        is_terminal=not TERMINALS.isdisjoint(classes) or holds_terminal(pid),
    )
