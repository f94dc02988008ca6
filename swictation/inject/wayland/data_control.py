"""The clipboard, and text through it: ext-data-control-v1 or the older wlr-data-control.

What the user had copied is read before and restored after. If it cannot be read, the clipboard is
not touched. Text is offered with the hint that makes clipboard histories ignore secrets.
"""

import sched
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from swictation.inject.wayland.client.connection import Connection
from swictation.inject.wayland.client.pipes import Receiver, Sender
from swictation.inject.wayland.client.protocols import DATA_CONTROL_MANAGERS
from swictation.inject.wayland.client.wire import Remote
from swictation.inject.wayland.witness import Readers, readers_of

TEXT_TYPES = ("text/plain;charset=utf-8", "text/plain", "UTF8_STRING", "TEXT", "STRING")
HINTS = {"x-kde-passwordManagerHint": b"secret"}
"""Klipper, wl-clipboard's --watch (so cliphist) and others respect it."""

READ_S = 0.5
"""The owner of the old content may take this long to deliver it."""
LARGEST = 32 * 2**20
"""Bytes of old content, all types together; if there is more, the clipboard is not used."""
RESTORE_S = 0.5
"""After the last reader: some ask twice."""
LATEST_S = 3.0
"""Even while somebody reads it: some programs poll the clipboard all day."""
PAUSE_S = 0.1
"""Between a reader's end and other content: GTK3 drops what it has read but not yet handled."""

Content = dict[str, bytes]
"""By mime type."""


@dataclass
class Reading:
    """Somebody has asked for content of ours."""

    readers: Readers
    is_ours: bool
    """Whether they read because of our key."""
    sender: Sender | None = None


@dataclass
class Offered:
    """Content of ours in the clipboard."""

    source: Remote
    content: Content
    readings: list[Reading] = field(default_factory=list[Reading])
    cancelled: bool = False
    judge: Callable[[Readers], bool] | None = None
    """Says whether our key has caused a reading; None while there is no key."""
    on_change: Callable[[], None] = lambda: None
    """Called when a reading begins or ends, and when it is cancelled."""
    read_s: float = 0.0
    """When the last reading began or ended."""

    def changed(self) -> None:
        self.read_s = time.monotonic()
        self.on_change()


class Clipboard:
    """The seat's clipboard. For the connection's thread."""

    def __init__(self, connection: Connection, manager: Remote, seat: Remote) -> None:
        self._connection = connection
        self._manager = manager
        self._types: dict[Remote, list[str]] = {}
        self._selection: Remote | None = None
        self._kept: Content | None = None
        """The content to restore, while a text, or it itself restored, is in the clipboard."""
        self._users: Content | None = None
        """What the user copied last, as far as it could be read."""
        self._offered: Offered | None = None
        self._restore: sched.Event | None = None
        self._latest_s = 0.0
        self._settled: list[Callable[[], None]] = []
        self._device = manager.create("get_data_device", seat)
        self._device.on("data_offer", self._on_offer)
        self._device.on("selection", self._on_selection)
        self._device.on("primary_selection", self._drop)

    @classmethod
    def on(cls, connection: Connection, seat: Remote) -> "Clipboard | None":
        """None if the compositor has no data control."""
        for interface in DATA_CONTROL_MANAGERS:
            manager = connection.display.bind(interface)
            if manager is not None:
                return cls(connection, manager, seat)
        return None

    @property
    def types(self) -> list[str]:
        """The types of its current content."""
        return sorted(self._types.get(self._selection, [])) if self._selection else []

    def hold(self, content: Content, on_cancelled: Callable[[], None]) -> None:
        """Put `content` into the clipboard, until somebody else copies."""
        offered = self._own(content)
        offered.on_change = lambda: on_cancelled() if offered.cancelled else None

    def lend(self, text: str) -> Offered | None:
        """Put `text` into the clipboard for a while; None if the old content could not be kept.

        The old content is read unless it is ours. Call `give_back_later` to restore it.
        """
        self._end_loan()
        self._connection.barrier()
        if self._kept is None or not self._is_ours():
            self._kept = self._users = self._read()
            if self._kept is None:
                return None
        offered = self._own(_content(text))
        self._connection.barrier()
        return offered

    def keep(self, text: str) -> bool:
        """Put `text` into the clipboard for good; True if it is there."""
        self._end_loan()
        if not self._is_ours():
            self._users = self._read()
        self._kept = _content(text)  # what a later loan restores
        self._own(self._kept)
        self._connection.barrier()
        self._tell_settled()
        return self._is_ours()

    def give_back_later(self, delay_s: float = RESTORE_S) -> None:
        """Restore the old content `delay_s` after the last reading."""
        self._latest_s = time.monotonic() + delay_s + LATEST_S
        self._put_off(delay_s)
        if self._offered is not None:
            self._offered.on_change = lambda: self._put_off(delay_s)

    def give_back(self) -> None:
        """Restore the old content now, unless somebody else has taken the clipboard."""
        self._cancel_restore()
        if self._is_ours() and self._kept:
            self._own(self._kept)
        elif self._is_ours() and self._kept is not None:
            self._device.send("set_selection", None)
            self._offered = None
        self._tell_settled()

    def legacy(self) -> tuple[Content, list[str]] | None:
        """What the user copied, while the clipboard is ours, and the types that it has now."""
        if not self._users or not self._is_ours() or HINTS.keys() & self._users.keys():
            return None
        assert self._offered is not None
        return self._users, sorted(self._offered.content)

    def rescue(self, text: str) -> None:
        """Restore the old content if another program has taken `text` over to keep it."""
        self._connection.barrier()
        now = self._read()
        if self._kept and now and text.encode() in now.values():
            self._own(self._kept)

    def when_settled(self, call: Callable[[], None]) -> None:
        """Call `call` once nothing is lent any more, or at once."""
        if self._restore is None:
            call()
        else:
            self._settled.append(call)

    def _put_off(self, delay_s: float) -> None:
        self._cancel_restore()
        left_s = max(0.0, self._latest_s - time.monotonic())
        self._restore = self._connection.after(min(delay_s, left_s), self.give_back)

    def _tell_settled(self) -> None:
        for call in self._settled:
            call()
        self._settled.clear()

    def _end_loan(self) -> None:
        """Prepare for other content: restore nothing, let the last reader finish."""
        self._cancel_restore()
        if self._offered is not None:
            self._offered.on_change = lambda: None  # a late reader of the previous text
            pause_s = self._offered.read_s + PAUSE_S - time.monotonic()
            self._connection.wait(lambda: False, pause_s)

    def _cancel_restore(self) -> None:
        if self._restore is not None:
            self._connection.cancel(self._restore)
            self._restore = None

    def _is_ours(self) -> bool:
        return self._offered is not None and not self._offered.cancelled

    def _own(self, content: Content) -> Offered:
        source = self._manager.create("create_data_source")
        offered = Offered(source, dict(content))

        def send(mime_type: str, fd: int) -> None:
            readers = readers_of(fd)
            reading = Reading(readers, offered.judge is not None and offered.judge(readers))
            offered.readings.append(reading)
            data = offered.content.get(mime_type, b"")
            reading.sender = Sender(self._connection, fd, data, over=offered.changed)
            offered.changed()

        def cancelled() -> None:
            offered.cancelled = True
            source.send("destroy")
            offered.changed()

        source.on("send", send)
        source.on("cancelled", cancelled)
        for mime_type in content:
            source.send("offer", mime_type)
        self._device.send("set_selection", source)
        self._offered = offered
        return offered

    def _read(self) -> Content | None:
        """All content of the clipboard; None if it cannot be read, or is replaced meanwhile."""
        selection = self._selection
        if selection is None:
            return {}
        receivers = {
            mime_type: Receiver(
                self._connection, LARGEST, partial(selection.send, "receive", mime_type)
            )
            for mime_type in self._types[selection]
        }
        self._connection.wait(lambda: all(r.over for r in receivers.values()), READ_S)
        content: Content = {}
        for mime_type, receiver in receivers.items():
            receiver.give_up()
            if receiver.content is None:
                return None
            content[mime_type] = receiver.content
        if self._selection is not selection:
            return None
        return content if sum(map(len, content.values())) <= LARGEST else None

    def _on_offer(self, offer: Remote) -> None:
        types: list[str] = []
        self._types[offer] = types

        def add(mime_type: str) -> None:
            if mime_type not in types:
                types.append(mime_type)

        offer.on("offer", add)

    def _on_selection(self, offer: Remote | None) -> None:
        self._drop(self._selection)
        self._selection = offer

    def _drop(self, offer: Remote | None) -> None:
        if offer is not None and self._types.pop(offer, None) is not None:
            offer.send("destroy")


def _content(text: str) -> Content:
    return dict.fromkeys(TEXT_TYPES, text.encode()) | HINTS
