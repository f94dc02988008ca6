"""Whether a terminal has the focus: by its name, and by which process wakes up for an event.

A window may have any name (`foot --app-id=x`), and no protocol says whose it is. But we can see
which process holds the master of a pseudo-terminal, and which one runs when the focused window gets
an event. If neither is visible, the name alone decides.
"""

from collections.abc import Iterable

from swictation.inject import proc
from swictation.inject.terminals import TERMINALS, holds_terminal
from swictation.inject.wayland.backlog import POLL_S, Backlog, grown
from swictation.inject.wayland.client.connection import IN_TEXT_S, Connection
from swictation.inject.wayland.keyboard import Keyboard
from swictation.inject.wayland.toplevels import Window

READS_S = 0.05
SLEEPS_S = 0.25


def is_terminal(app: str) -> bool:
    """By the window's name for its application."""
    return app.lower() in TERMINALS


class TerminalSense:
    """Finds out whether a terminal has the focus. For the connection's thread."""

    def __init__(self, connection: Connection, backlog: Backlog, keyboard: Keyboard | None) -> None:
        self._connection = connection
        self._backlog = backlog
        self._keyboard = keyboard

    def has_focus(self, window: Window | None) -> bool:
        """Whether `window`, which has the focus, is or may be a terminal. Raises WireError."""
        if window is not None and is_terminal(window.app):
            return True
        unread = self._backlog.unread() or {}
        holding = {pid for pid in self._backlog.owners(set(unread)) if holds_terminal(pid)}
        if not holding or self._keyboard is None:
            return False
        self._send(self._keyboard)  # wakes all clients with another keyboard's keymap
        if not self._sleep(holding):
            return True
        before = {pid: _turns(pid) for pid in holding}
        late = self._send(self._keyboard)
        return any(pid in late or _turns(pid) != before[pid] for pid in holding)

    def _send(self, keyboard: Keyboard) -> frozenset[int]:
        """Send the focused window an event without effect; returns who does not read it soon."""
        before = self._backlog.unread()
        keyboard.come_forward()
        self._connection.barrier(IN_TEXT_S)  # the compositor serves its clients in turn
        for _ in range(int(READS_S / POLL_S)):
            if not grown(before, self._backlog.unread()):
                break
            self._connection.wait(lambda: False, POLL_S)
        return self._backlog.owners(set(grown(before, self._backlog.unread())))

    def _sleep(self, holding: Iterable[int]) -> bool:
        """Whether all of them go to sleep soon: only a sleeping process is woken by an event.

        A terminal takes milliseconds to read a keymap.
        """
        for _ in range(int(SLEEPS_S / POLL_S)):
            if not any(map(_runs, holding)):
                return True
            self._connection.wait(lambda: False, POLL_S)
        return False


def _runs(pid: int) -> bool:
    """Whether one of its threads runs or is ready to run."""
    stats = proc.read_of_threads(pid, "stat")
    return any(stat.rpartition(") ")[2].startswith("R") for stat in stats)


def _turns(pid: int) -> int:
    """How often its threads have been scheduled."""
    schedstats = proc.read_of_threads(pid, "schedstat")
    return sum(int(turns) for schedstat in schedstats for turns in schedstat.split()[2:3])
