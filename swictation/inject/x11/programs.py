"""The program behind a window: the server knows its process, /proc knows the rest.

A program that cannot be inspected (another user's, another machine's) is unknown, and proves
nothing.
"""

from contextlib import suppress

from Xlib.error import XError

from swictation.inject import proc
from swictation.inject.pages import has_pages, pages_of
from swictation.inject.x11.connection import Connection

_PID_MASK = 2

_TOOLKITS = ("libgtk-3.so", "libgtk-4.so", "libQt5Gui.so", "libQt6Gui.so")
"""They handle one event after the other, pings among them, in one thread."""

_ENGINES = ("libxul.so", "libwebkit", "libjavascriptcore", "WebEngine", "libcef.so", "libjvm.so")
"""A page, or another thread, handles the key, and the ping is answered elsewhere."""

_INPUT_METHODS = ("ibus", "fcitx", "im-xim.so")
"""They get the key first, in another process, and return it after the ping was answered."""


def process_of(x: Connection, client: int) -> int:
    """The process of a client, given by its XID base; 0 if it is gone or unknown."""
    if not x.display.has_extension("X-Resource"):
        return 0
    with suppress(XError):
        for known in x.display.res_query_client_ids([{"client": client, "mask": _PID_MASK}]).ids:
            return int(known.value[0])
    return 0


def answers_for_itself(pid: int) -> bool:
    """Whether its pong proves that it has handled the keys before the ping."""
    mapped = proc.read(pid, "maps")
    is_toolkit = any(name in mapped for name in _TOOLKITS)
    is_other = any(name in mapped for name in (*_ENGINES, *_INPUT_METHODS))
    return is_toolkit and not is_other and not has_pages(pid)


def is_stopped(pid: int) -> bool:
    """Whether it, or the process of a page of it, was stopped from outside."""
    return any(_status(each).get("State", "").startswith("T") for each in (pid, *pages_of(pid)))


def is_busy(pid: int) -> bool:
    """Whether it, or the process of a page of it, is not waiting for anything just now."""
    states = (_status(each).get("State", "S") for each in (pid, *pages_of(pid)))
    return any(state.startswith(("R", "D", "T", "t")) for state in states)


def times_slept(pid: int) -> tuple[bool, int]:
    """Whether it sleeps, and how often it has gone to sleep by itself; (False, 0) if unknown.

    A terminal that has slept again since a key came has waited for its next event, so it has
    handled all earlier ones. A program that is stopped does not go to sleep.
    """
    status = _status(pid)
    is_asleep = status.get("State", "").startswith("S")
    return is_asleep, int(status.get("voluntary_ctxt_switches", "0"))


def _status(pid: int) -> dict[str, str]:
    parts = [line.partition(":") for line in proc.read(pid, "status").splitlines()]
    return {name: value.strip() for name, _, value in parts}
