"""Owns selections on our behalf and answers whoever asks for them."""

import time
from collections.abc import Mapping

import msgspec
from Xlib import X, Xatom
from Xlib.error import CatchError, XError
from Xlib.protocol import event as xevent
from Xlib.protocol import rq
from Xlib.xobject.drawable import Window

from swictation.inject.x11.connection import Connection, Property

_MAX_UNREAD = 256
"""Some poll the clipboard all day and never delete what they read."""

Content = Mapping[int, Property]
"""What a selection holds: a value for each target."""


class Served(msgspec.Struct):
    """Who has asked for the present content of a selection."""

    reads: dict[int, int] = msgspec.field(default_factory=dict[int, int])
    """How many values each client (its XID base) was given."""
    asked_s: dict[int, float] = msgspec.field(default_factory=dict[int, float])
    """When each client asked last, be it for the list of targets."""
    unread: set[tuple[int, int]] = msgspec.field(default_factory=set[tuple[int, int]])
    """Windows and properties with a value that its reader has not deleted yet."""


class Selections:
    """Every request is answered, also those that cannot be met: Chromium freezes on silence."""

    def __init__(self, connection: Connection) -> None:
        self._x = connection
        self._held: dict[int, Content] = {}
        self._served: dict[int, Served] = {}
        self._since: dict[int, int] = {}
        connection.on_event(self._handle)

    def take(self, selection: int, content: Content) -> bool:
        """Own `selection` with `content`; False if the server would not have it."""
        stamp = self._x.server_time()
        self._held[selection] = content
        self._served[selection] = Served()
        self._since[selection] = stamp
        self._x.own.set_selection_owner(selection, stamp)
        if self.owns(selection):
            return True
        self._held.pop(selection, None)
        return False

    def owns(self, selection: int) -> bool:
        return self._x.owner_of(selection) == int(self._x.own.id)

    def content(self, selection: int) -> Content:
        return self._held.get(selection, {})

    def served(self, selection: int) -> Served:
        return self._served.get(selection, Served())

    def drop(self, selection: int) -> None:
        """Own it no longer; whoever took it meanwhile keeps it."""
        self._held.pop(selection, None)
        if self.owns(selection):
            self._x.disown(selection)

    def _handle(self, event: rq.Event) -> None:
        if event.type == X.SelectionRequest:
            self._answer(event)
        elif event.type == X.SelectionClear:
            self._held.pop(int(event.atom), None)
        elif event.type == X.PropertyNotify and event.state == X.PropertyDelete:
            for served in self._served.values():
                served.unread.discard((int(event.window.id), int(event.atom)))

    def _answer(self, event: rq.Event) -> None:
        requestor: Window = event.requestor
        selection, target = int(event.selection), int(event.target)
        prop = int(event.property) or target
        try:
            # To see the property being deleted: its reader has the bytes then.
            requestor.change_attributes(event_mask=X.PropertyChangeMask, onerror=CatchError())
            if target == self._x.atom("MULTIPLE"):
                done = self._multiple(selection, requestor, prop)
            else:
                done = self._convert(selection, requestor, target, prop)
        except (XError, ValueError, TypeError, AttributeError):
            done = False  # python-xlib fails in odd ways on odd windows; the asker gets a no
        requestor.send_event(
            xevent.SelectionNotify(
                time=event.time,
                requestor=requestor,
                selection=selection,
                target=target,
                property=prop if done else X.NONE,
            ),
            onerror=CatchError(),
        )

    def _multiple(self, selection: int, requestor: Window, prop: int) -> bool:
        """Several targets at once: pairs of target and property, failures marked by None."""
        name = self._x.display.get_atom_name(prop)
        wish = self._x.read(requestor, name)
        if wish is None or wish.format != 32:
            return False
        pairs = list(zip(wish.numbers[::2], wish.numbers[1::2], strict=False))
        answered: list[int] = []
        for target, into in pairs:
            done = into and self._convert(selection, requestor, target, into)
            answered += [target, into if done else X.NONE]
        self._x.write(requestor, prop, Property(wish.kind, 32, tuple(answered)))
        return True

    def _convert(self, selection: int, requestor: Window, target: int, prop: int) -> bool:
        content = self._held.get(selection)
        if content is None:
            return False
        served = self._served.setdefault(selection, Served())
        client = int(requestor.id) & ~self._x.client_mask
        served.asked_s[client] = time.monotonic()
        fixed = ("TARGETS", "TIMESTAMP", "MULTIPLE")
        if target == self._x.atom("TARGETS"):
            targets = (*(self._x.atom(name) for name in fixed), *content)
            self._x.write(requestor, prop, Property(Xatom.ATOM, 32, targets))
            return True
        if target == self._x.atom("TIMESTAMP"):
            stamp = (self._since.get(selection, X.CurrentTime),)
            self._x.write(requestor, prop, Property(Xatom.INTEGER, 32, stamp))
            return True
        if target not in content:
            return False
        if len(served.unread) >= _MAX_UNREAD:
            served.unread.clear()
        served.reads[client] = served.reads.get(client, 0) + 1
        served.unread.add((int(requestor.id), prop))
        self._x.write(requestor, prop, content[target])
        return True
