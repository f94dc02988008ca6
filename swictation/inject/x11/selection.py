"""Owns the clipboard for us and answers requests for it."""

import time
from collections.abc import Mapping

import msgspec
from Xlib import X, Xatom
from Xlib.error import CatchError, XError
from Xlib.protocol import event as xevent
from Xlib.protocol import rq
from Xlib.xobject.drawable import Window

from swictation.inject.x11.connection import Connection, Property
from swictation.inject.x11.programs import process_of

_MAX_UNREAD = 256
"""Some programs poll the clipboard all day and never delete what they read."""

HINT = "x-kde-passwordManagerHint"
"""Clipboard histories leave out content with this target."""

Content = Mapping[int, Property]
"""What a selection holds: a value for each target."""


class Offer(msgspec.Struct):
    """The content of the selection now, who may have it, and who has asked."""

    content: Content
    reader: int | None = None
    """The one client (its XID base) that it is for, with all connections of its process; None:
    everybody."""
    pid: int = 0
    """The reader's process; 0 if unknown."""
    since: int = X.CurrentTime
    barred: int | None = None
    """A client that gets none of it until `barred_until_s`: it may still handle a key of ours."""
    barred_until_s: float = 0.0
    is_withdrawn: bool = False
    """Its reader no longer gets it; the list of targets stays, so that we see the refusal."""
    reads: dict[int, int] = msgspec.field(default_factory=dict[int, int])
    """How many values each client was given."""
    asked_s: dict[int, float] = msgspec.field(default_factory=dict[int, float])
    """When each client asked last, even if only for the list of targets."""
    denied_s: float = 0.0
    """When its reader was last refused a value that it would have got."""
    names: dict[int, int] = msgspec.field(default_factory=dict[int, int])
    """The client that each one counts as: all of the reader's process count as the reader."""
    unread: set[tuple[int, int]] = msgspec.field(default_factory=set[tuple[int, int]])
    """Windows and properties with a value that its reader has not deleted yet."""

    def is_for(self, client: int) -> bool:
        if client == self.barred and time.monotonic() < self.barred_until_s:
            return False
        return self.reader is None or self.reader == client


class Selection:
    """The clipboard.

    Every request is answered, even with a failure: Chromium freezes without an answer.
    """

    def __init__(self, connection: Connection) -> None:
        self._x = connection
        self.atom = connection.atom("CLIPBOARD")
        self.offer: Offer | None = None
        """None while somebody else or nobody owns it."""
        connection.on_event(self._handle)

    def take(self, content: Content, reader: int | None = None, pid: int = 0) -> bool:
        """Own it with `content` for `reader`; False if the server refuses.

        All other clients see nothing but the hint: a text for one window does not go to a key that
        waits in another window, a clipboard history, or the user's own paste.
        """
        stamp = self._x.server_time()
        self.offer = Offer(content, reader, pid, stamp)
        self._x.own.set_selection_owner(self.atom, stamp)
        if not self.owns():
            self.offer = None
        return self.offer is not None

    def bar(self, client: int, duration_s: float) -> None:
        """Refuse what is on offer now to one client for a while."""
        if self.offer:
            self.offer.barred, self.offer.barred_until_s = client, time.monotonic() + duration_s

    def owns(self) -> bool:
        return self._x.owner_of(self.atom) == int(self._x.own.id)

    def drop(self) -> None:
        """Give it up; if another client has taken it meanwhile, that one keeps it."""
        self.offer = None
        if self.owns():
            self._x.disown(self.atom)

    def _handle(self, event: rq.Event) -> None:
        if event.type == X.SelectionRequest:
            self._answer(event)
        elif event.type == X.SelectionClear and int(event.atom) == self.atom:
            if not self.owns():  # if we own it, we have taken it again since
                self.offer = None
        elif event.type == X.PropertyNotify and event.state == X.PropertyDelete and self.offer:
            self.offer.unread.discard((int(event.window.id), int(event.atom)))

    def _answer(self, event: rq.Event) -> None:
        requestor: Window = event.requestor
        target = int(event.target)
        prop = int(event.property) or target
        try:
            # To see the property being deleted: its reader has the bytes then.
            requestor.change_attributes(event_mask=X.PropertyChangeMask, onerror=CatchError())
            if int(event.selection) != self.atom:
                done = False
            elif target == self._x.atom("MULTIPLE"):
                done = self._multiple(requestor, prop)
            else:
                done = self._convert(requestor, target, prop)
        except (XError, ValueError, TypeError, AttributeError):
            done = False  # python-xlib may fail on unusual windows; the requester gets a refusal
        requestor.send_event(
            xevent.SelectionNotify(
                time=event.time,
                requestor=requestor,
                selection=int(event.selection),
                target=target,
                property=prop if done else X.NONE,
            ),
            onerror=CatchError(),
        )

    def _multiple(self, requestor: Window, prop: int) -> bool:
        """Several targets at once: pairs of target and property, failures marked by None."""
        name = self._x.display.get_atom_name(prop)
        wanted = self._x.read(requestor, name)
        if wanted is None or wanted.format != 32:
            return False
        pairs = list(zip(wanted.numbers[::2], wanted.numbers[1::2], strict=False))
        answered: list[int] = []
        for target, into in pairs:
            done = into and self._convert(requestor, target, into)
            answered += [target, into if done else X.NONE]
        self._x.write(requestor, prop, Property(wanted.kind, 32, tuple(answered)))
        return True

    def _client(self, requestor: Window, offer: Offer) -> int:
        """The client that asks. Some programs paste over a second connection."""
        client = int(requestor.id) & ~self._x.client_mask
        if offer.reader is None or not offer.pid:
            return client
        if client not in offer.names:
            is_same = client == offer.reader or process_of(self._x, client) == offer.pid
            offer.names[client] = offer.reader if is_same else client
        return offer.names[client]

    def _convert(self, requestor: Window, target: int, prop: int) -> bool:
        offer = self.offer
        if offer is None:
            return False
        client = self._client(requestor, offer)
        offer.asked_s[client] = time.monotonic()
        hint = self._x.atom(HINT)
        shown = [t for t in offer.content if t == hint or offer.is_for(client)]
        fixed = ("TARGETS", "TIMESTAMP", "MULTIPLE")
        if target == self._x.atom("TARGETS"):
            targets = (*(self._x.atom(name) for name in fixed), *shown)
            self._x.write(requestor, prop, Property(Xatom.ATOM, 32, targets))
            return True
        if target == self._x.atom("TIMESTAMP"):
            self._x.write(requestor, prop, Property(Xatom.INTEGER, 32, (offer.since,)))
            return True
        if target not in shown:
            return False
        if target != hint:
            if offer.is_withdrawn:
                offer.denied_s = time.monotonic()
                return False
            offer.reads[client] = offer.reads.get(client, 0) + 1
            if len(offer.unread) >= _MAX_UNREAD:
                offer.unread.clear()
            offer.unread.add((int(requestor.id), prop))
        self._x.write(requestor, prop, offer.content[target])
        return True
