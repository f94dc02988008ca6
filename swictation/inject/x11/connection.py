"""One X display, for one thread: typed calls, event handlers and waits with a deadline."""

import os
import select
import socket
import struct
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import msgspec
from Xlib import X, Xatom
from Xlib.display import Display
from Xlib.error import CatchError, ConnectionClosedError, DisplayError, XError
from Xlib.protocol import event as xevent
from Xlib.protocol import request, rq
from Xlib.protocol.request import SetSelectionOwner
from Xlib.xobject.drawable import Window

from swictation.errors import InjectError

Handler = Callable[[rq.Event], None]

GONE = (OSError, ConnectionClosedError)
"""What a call raises once the server is gone."""

_CREDENTIALS = struct.Struct("3i")
_END_MS = 1000
"""A server closes its connections a moment before it ends."""

_MAX_PROPERTY_BYTES = 200_000
"""Fits one request: the core protocol's limit is 256 KiB, and python-xlib supports no other."""


class Property(msgspec.Struct, frozen=True):
    """A window's property: `data` is bytes for format 8, else numbers."""

    kind: int
    format: int
    data: bytes | tuple[int, ...]

    @property
    def fits(self) -> bool:
        """Small enough to be passed on in one request."""
        return len(self.data) * (self.format // 8) <= _MAX_PROPERTY_BYTES

    @property
    def numbers(self) -> tuple[int, ...]:
        return self.data if isinstance(self.data, tuple) else ()


class Connection:
    """The display and a window of our own on it. Every method belongs to the owning thread.

    Each of them raises one of `GONE` once the server is gone.
    """

    def __init__(self, display_name: str | None = None) -> None:
        try:
            self.display = Display(display_name)
        except (DisplayError, OSError, ValueError, OverflowError) as error:
            raise InjectError(f"no X server: {error}", "start it, or set DISPLAY") from error
        """The raw display, for requests that have no method here."""
        self.display.set_error_handler(_ignore)
        self._server = _server_of(self.display)
        self._handlers: list[Handler] = []
        self._atoms: dict[str, int] = {}
        self.beats = 0
        """Grows while the server answers; other threads may read it."""
        self.handled = 0
        """Events so far, for any reader."""
        if not self.display.query_extension("XTEST"):
            self.close()
            raise InjectError("the X server lacks XTEST: keys cannot be pressed")
        self.root = self.display.screen().root
        self.own = self.root.create_window(
            -9, -9, 1, 1, 0, X.CopyFromParent, event_mask=X.PropertyChangeMask
        )

    @property
    def client_mask(self) -> int:
        """The bits of an XID that its client chose; the others name the client."""
        return int(self.display.display.info.resource_id_mask)

    def atom(self, name: str) -> int:
        if name not in self._atoms:
            self._atoms[name] = self.display.intern_atom(name)
        return self._atoms[name]

    def window(self, xid: int) -> Window:
        return self.display.create_resource_object("window", xid)

    def on_event(self, handler: Handler) -> None:
        """Call `handler` with every event from now on."""
        self._handlers.append(handler)

    def read(self, window: Window, name: str, *, delete: bool = False) -> Property | None:
        """A whole property, or None where window or property is missing."""
        try:
            found = window.get_full_property(self.atom(name), X.AnyPropertyType)
            if delete:
                window.delete_property(self.atom(name), onerror=CatchError())
        except XError:
            return None
        if found is None:
            return None
        value = found.value
        raw = bytes(value) if found.format == 8 else tuple(int(number) for number in value)
        return Property(int(found.property_type), int(found.format), raw)

    def write(self, window: Window, atom: int, value: Property) -> None:
        """Set a property; it is no error if the window is gone."""
        data: Sequence[int] = list(value.data)
        window.change_property(atom, value.kind, value.format, data, onerror=CatchError())

    def message(
        self, window: Window, name: str, data: list[int], *, to: Window, mask: int = 0
    ) -> None:
        """Send a client message about `window`; it is no error if that is gone."""
        message = xevent.ClientMessage(
            window=window, client_type=self.atom(name), data=(32, (data + [0] * 5)[:5])
        )
        to.send_event(message, event_mask=mask, onerror=CatchError())

    def server_time(self) -> int:
        """The server's clock, as selections need it."""
        stamp: list[int] = []
        atom = self.atom("SWICTATION_TIME")

        def note(event: rq.Event) -> None:
            if event.type == X.PropertyNotify and event.window == self.own and event.atom == atom:
                stamp.append(int(event.time))

        self._handlers.append(note)
        self.own.change_property(atom, Xatom.STRING, 8, b"")
        self.pump(lambda: bool(stamp), 1.0)
        self._handlers.remove(note)
        return stamp[-1] if stamp else X.CurrentTime

    def owner_of(self, selection: int) -> int:
        """The window that owns a selection, or 0."""
        owner: Any = self.display.get_selection_owner(selection)  # the stubs say int only
        return int(getattr(owner, "id", owner))

    @contextmanager
    def grabbed(self) -> Generator[None]:
        """Grab the server: it serves nobody else, so answers inside are still true when used.

        Never wait inside: the desktop stands still for a round trip or two, and no longer.
        """
        self.display.grab_server()
        try:
            yield
        finally:
            self.display.ungrab_server()
            self.display.flush()

    def focus_and_mask(self) -> tuple[int, int]:
        """The window with the keyboard focus (0: none), modifiers and layout; one round trip."""
        raw = self.display.display
        focus = request.GetInputFocus(display=raw, defer=True)
        pointer = request.QueryPointer(display=raw, defer=True, window=self.root)
        focus.reply()
        pointer.reply()
        focused: Any = focus.focus
        return int(getattr(focused, "id", focused)), int(pointer.mask)

    def disown(self, selection: int) -> None:
        """Leave a selection without owner."""
        SetSelectionOwner(
            display=self.display.display,
            onerror=CatchError(),
            window=X.NONE,
            selection=selection,
            time=X.CurrentTime,
        )

    def sync(self) -> None:
        """Wait until the server has carried out everything, then handle its events."""
        self.display.sync()
        self.beats += 1
        self.dispatch()

    def dispatch(self) -> None:
        """Send what is queued and handle the events that have come.

        Checks the socket last: python-xlib may read events into its own queue during any call, and
        a select after that would wait for events that have already come.
        """
        self.display.flush()
        while self.display.pending_events():
            event = self.display.next_event()
            self.handled += 1
            for handler in tuple(self._handlers):
                handler(event)

    def pump(self, done: Callable[[], bool], timeout_s: float, poll_s: float = 1.0) -> bool:
        """Handle events until `done`, at most `timeout_s`; False if it never came true.

        `poll_s` is for conditions that no event announces.
        """
        end_s = time.monotonic() + timeout_s
        while True:
            self.beats += 1
            self.dispatch()
            if done():
                return True
            # Requests by `done`, or answers of a handler, may have brought events in.
            self.dispatch()
            left_s = end_s - time.monotonic()
            if left_s <= 0:
                return False
            select.select([self.fileno()], [], [], min(left_s, poll_s))

    def fileno(self) -> int:
        return self.display.fileno()

    def has_ended(self) -> bool:
        """Whether the server's process is gone, and all windows with it; False if unknown."""
        if self._server is None:
            return False
        poll = select.poll()
        poll.register(self._server, select.POLLIN)
        return bool(poll.poll(_END_MS))

    def sever(self) -> None:
        """End a wait for a server that hangs. Any thread; the owner sees a closed display."""
        with suppress(OSError):
            self.display.display.socket.shutdown(2)

    def close(self) -> None:
        if self._server is not None:
            os.close(self._server)
            self._server = None
        with suppress(*GONE):
            self.display.close()


def _server_of(display: Display) -> int | None:
    """A pidfd of the server's process, or None on another machine or in another container."""
    link: socket.socket = display.display.socket
    try:
        credentials = link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        return os.pidfd_open(_CREDENTIALS.unpack(credentials)[0])
    except (OSError, OverflowError, struct.error):
        return None


def _ignore(error: XError, _request: rq.Request | None) -> None:
    """Windows vanish between two requests; callers that need to know pass a CatchError."""
