"""Who reads the clipboard: the window to which our key went, or one that reads all new content.

Clipboard managers read whatever is copied, and scripts read it when they like; the protocol names
no reader. But a reader holds the other end of the pipe, and processes can be seen.
"""

import contextlib
import os
import time
from pathlib import Path

from swictation.inject.wayland.backlog import Backlog, Unread, grown, holders

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")

Readers = frozenset[int]
"""Processes that hold the reading end of one pipe."""


def readers_of(fd: int) -> Readers:
    """Who will get what is written into the pipe `fd`; empty where that cannot be seen."""
    wanted = {f"pipe:[{os.fstat(fd).st_ino}]"}
    return holders(wanted) or holders(wanted)  # one that hands it to its child slips through once


class Watchers:
    """Those that have read what no key had been pressed for. Their children read for them."""

    def __init__(self) -> None:
        self._seen: set[int] = set()
        self._parents: set[int] = set()
        self._kin: set[tuple[int, str]] = set()

    def meet(self, readers: Readers) -> None:
        """They have read before a key was pressed."""
        for pid in readers:
            status = _status(pid)
            if status is not None:
                self._seen.add(pid)
                self._parents.add(status.parent)
                self._kin.add((status.parent, status.name))

    def have(self, pid: int, status: "_Status") -> bool:
        """Whether a process is one of them, or works for one."""
        # A window that one of them has opened leads a group of its own.
        is_child = status.parent in self._seen and status.group != pid
        is_sibling = (status.parent, status.name) in self._kin
        return pid in self._seen or pid in self._parents or is_child or is_sibling


class Key:
    """A paste key that was pressed, and who may have it."""

    def __init__(self, backlog: Backlog, watchers: Watchers) -> None:
        """Right before it is sent."""
        self._backlog = backlog
        self._watchers = watchers
        self._pressed = int(time.clock_gettime(time.CLOCK_BOOTTIME) * _TICKS_PER_S)
        self._before = backlog.unread()
        self._waiting: Unread = {}

    def passed_on(self) -> None:
        """Right after the compositor has sent it to the window: see where it waits."""
        before = self._before or {}
        more = grown(before, self._backlog.unread())
        self._waiting = {one: size - before.get(one, 0) for one, size in more.items()}

    def unread_in(self) -> set[int]:
        """The sockets in which it may still wait.

        It was the last thing in there: it has been read once less is left than it takes.
        """
        now = self._backlog.unread()
        if now is not None:
            kept = {one: size for one, size in self._waiting.items() if now.get(one, 0) >= size}
            self._waiting = kept
        return set(self._waiting)

    def is_answered_by(self, readers: Readers) -> bool:
        """Whether `readers` read because of this key, as far as can be seen.

        While the key lies unread in a window's socket, that window alone can: nobody else has it.
        Else it is none that read unasked before, and none that is younger than the key.
        """
        waiting = self.unread_in()
        if waiting:
            return bool(readers & self._backlog.owners(waiting))
        return bool(readers) and all(map(self._may_have_it, readers))

    def _may_have_it(self, pid: int) -> bool:
        status = _status(pid)
        if status is None or status.started >= self._pressed:
            return False
        return not self._watchers.have(pid, status)


class _Status:
    """Of a process: its parent, group and name, and its start in ticks since the machine's."""

    def __init__(self, line: str) -> None:
        name, _, rest = line.partition("(")[2].rpartition(")")
        fields = rest.split()
        self.name, self.parent, self.group = name, int(fields[1]), int(fields[2])
        self.started = int(fields[19])


def _status(pid: int) -> _Status | None:
    with contextlib.suppress(OSError, ValueError, IndexError):
        return _Status(Path(f"/proc/{pid}/stat").read_text(errors="replace"))
    return None
