"""Reads the content of a selection, so that it can be restored."""

import time

from Xlib import X, Xatom
from Xlib.protocol import rq

from swictation.inject.x11.connection import Connection, Property
from swictation.inject.x11.selection import HINT, Content

# What people copy. Other targets are derived from these, or private to one program.
_KEPT = (
    "UTF8_STRING",
    "text/plain;charset=utf-8",
    "text/plain",
    "STRING",
    "TEXT",
    "text/html",
    "text/uri-list",
    "image/png",
    "x-special/gnome-copied-files",
    "application/x-kde-cutselection",
    HINT,
)
_PLACE = "SWICTATION_READ"
_ANSWER_S = 0.3
_PARTS_S = 1.0


class Clipboard:
    """A reader of other clients' selections."""

    def __init__(self, connection: Connection) -> None:
        self._x = connection
        self._answers: list[tuple[int, int]] = []
        self._values = 0
        connection.on_event(self._handle)

    def read(self, selection: int) -> Content | None:
        """Its content in the common targets; {} if it is empty, None if it cannot be kept.

        It cannot be kept if the owner does not answer, if it has none of the common targets, or
        if a value is too long for one request (its owner would send it in parts: INCR).
        """
        if not self._x.owner_of(selection):
            return {}
        answered, offered = self._convert(selection, "TARGETS")
        if not answered:
            return None
        names = set(offered.numbers) if offered else {self._x.atom("UTF8_STRING"), Xatom.STRING}
        content: dict[int, Property] = {}
        for name in _KEPT:
            target = self._x.atom(name)
            if target not in names:
                continue
            answered, value = self._convert(selection, name)
            if value is None and offered and name != HINT:
                return None
            if value is not None:
                content[target] = value
        return content or None

    def _convert(self, selection: int, target: str) -> tuple[bool, Property | None]:
        """Whether the owner answered, and the value if it gave one that fits a request."""
        wanted = (selection, self._x.atom(target))
        self._answers.clear()
        self._x.own.convert_selection(
            selection, wanted[1], self._x.atom(_PLACE), self._x.server_time()
        )
        if not self._x.pump(lambda: wanted in self._answers, _ANSWER_S):
            return False, None
        before = self._values
        value = self._x.read(self._x.own, _PLACE, delete=True)
        if value is not None and value.kind == self._x.atom("INCR"):
            value = self._parts(before)
        return True, value if value is not None and value.fits else None

    def _parts(self, before: int) -> Property | None:
        """A value that comes in parts (INCR): deleting one asks for the next, an empty one ends.

        It is read to its end even if it is too long to keep: its owner waits for that.
        """
        whole: Property | None = None
        end_s = time.monotonic() + _PARTS_S
        seen = [before]
        while self._x.pump(lambda: self._values > seen[0], end_s - time.monotonic()):
            seen[0] = self._values
            part = self._x.read(self._x.own, _PLACE, delete=True)
            if part is None or not part.data:
                return whole
            if whole is None or not whole.fits:
                whole = whole or part
            elif isinstance(whole.data, bytes) and isinstance(part.data, bytes):
                whole = Property(part.kind, part.format, whole.data + part.data)
            else:
                return None
        return None

    def _handle(self, event: rq.Event) -> None:
        if event.type == X.SelectionNotify:
            self._answers.append((int(event.selection), int(event.target)))
        elif (
            event.type == X.PropertyNotify
            and event.window == self._x.own
            and event.state == X.PropertyNewValue
            and event.atom == self._x.atom(_PLACE)
        ):
            self._values += 1
