"""Keeps the user's clipboard after the daemon's end, in a clipboard manager or a keeper."""

from collections.abc import Callable

from Xlib import X, Xatom
from Xlib.protocol import rq

from swictation.inject.clipboard_keeper import Kept, leave_behind
from swictation.inject.x11.connection import Connection, Property
from swictation.inject.x11.selection import Content, Selection

_MANAGER_S = 1.0
_FOR_EVER_S = 3600.0
_PLACE = "SWICTATION_SAVE"
_KINDS = {"TEXT": "UTF8_STRING"}
"""The types of values where they differ from the target."""


def keep(x: Connection, content: Content) -> None:
    """Hand `content`, which this connection serves, over to a clipboard manager or a keeper."""
    if content and not _saved(x, content):
        names = {x.display.get_atom_name(target): value for target, value in content.items()}
        kept = {name: bytes(v.data) for name, v in names.items() if isinstance(v.data, bytes)}
        leave_behind("x11", kept, str(x.display.get_display_name()), f"{int(x.own.id)}")


def offer(kept: Kept, ready: Callable[[], None], display: str, owner: str) -> None:
    """Take over `display`'s clipboard with `kept` from the window `owner`, until somebody copies.

    Returns without `ready` if somebody has already copied.
    """
    x = Connection(display)
    selection = Selection(x)
    content = {
        x.atom(name): Property(x.atom(_KINDS.get(name, name)), 8, value)
        for name, value in kept.items()
    }
    with x.grabbed():
        is_ours = x.owner_of(selection.atom) in (0, int(owner))
        if is_ours:
            x.own.set_selection_owner(selection.atom, X.CurrentTime)
    if not is_ours or not selection.take(content):
        return
    ready()
    while not x.pump(lambda: selection.offer is None, _FOR_EVER_S, poll_s=_FOR_EVER_S):
        continue
    x.close()


def _saved(x: Connection, content: Content) -> bool:
    """Whether a clipboard manager has taken it over (CLIPBOARD_MANAGER, SAVE_TARGETS)."""
    manager = x.atom("CLIPBOARD_MANAGER")
    if not x.owner_of(manager):
        return False
    answers: list[bool] = []

    def note(event: rq.Event) -> None:
        if event.type == X.SelectionNotify and int(event.selection) == manager:
            answers.append(int(event.property) != X.NONE)

    x.on_event(note)
    x.write(x.own, x.atom(_PLACE), Property(Xatom.ATOM, 32, tuple(content)))
    x.own.convert_selection(manager, x.atom("SAVE_TARGETS"), x.atom(_PLACE), x.server_time())
    x.pump(lambda: bool(answers), _MANAGER_S)
    return answers[-1:] == [True]
