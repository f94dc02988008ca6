"""Finds out who reads the clipboard: the window that got our key, or a clipboard watcher.

Clipboard managers read everything that is copied, and scripts read at any time; the protocol names
no reader. But a reader holds the other end of the pipe, and processes are visible.
"""

import contextlib
import os
import time

from swictation.inject import proc
from swictation.inject.wayland.backlog import Backlog, Unread, grown, holders

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")

Readers = frozenset[int]
"""Processes that hold the reading end of one pipe."""


def readers_of(fd: int) -> Readers:
    """The readers of the pipe `fd`; empty if they are not visible."""
    wanted = {f"pipe:[{os.fstat(fd).st_ino}]"}
    return holders(wanted) or holders(wanted)  # one that passes it to its child is missed once


class Watchers:
    """Processes that have read without a key. Their children read for them."""

    def __init__(self) -> None:
        self._seen: set[int] = set()
        self._parents: set[int] = set()
        self._kin: set[tuple[int, str]] = set()

    def meet(self, readers: Readers) -> None:
        """Note that they have read before a key was pressed."""
        for pid in readers:
            status = _status(pid)
            if status is not None:
                self._seen.add(pid)
                self._parents.add(status.parent)
                self._kin.add((status.parent, status.name))

    def include(self, pid: int, status: "_Status") -> bool:
        """Whether a process is one of them, or works for one."""
        # A window that one of them has opened has a process group of its own.
        is_child = status.parent in self._seen and status.group != pid
        is_sibling = (status.parent, status.name) in self._kin
        return pid in self._seen or pid in self._parents or is_child or is_sibling


class Key:
    """A paste key that was pressed, and the windows that may have it."""

    def __init__(self, backlog: Backlog, watchers: Watchers) -> None:
        """Create it right before it is sent."""
        self._backlog = backlog
        self._watchers = watchers
        self._pressed = int(time.clock_gettime(time.CLOCK_BOOTTIME) * _TICKS_PER_S)
        self._before = backlog.unread()
        self._waiting: Unread = {}

    def passed_on(self) -> None:
        """Note where it waits. Call right after the compositor has sent it to the window."""
        before = self._before or {}
        more = grown(before, self._backlog.unread())
        self._waiting = {one: size - before.get(one, 0) for one, size in more.items()}

    def unread_in(self) -> set[int]:
        """The sockets in which it may still wait.

        It was the last event there: it is read once less is left than its size.
        """
        now = self._backlog.unread()
        if now is not None:
            kept = {one: size for one, size in self._waiting.items() if now.get(one, 0) >= size}
            self._waiting = kept
        return set(self._waiting)

    def is_answered_by(self, readers: Readers) -> bool:
        """Whether `readers` read because of this key, as far as can be seen.

        While the key is unread in a window's socket, only that window can: nobody else has it.
        Otherwise no process that read without a key, and none younger than the key.
        """
        waiting = self.unread_in()
        if waiting:
            return bool(readers & self._backlog.owners(waiting))
        return bool(readers) and all(map(self._may_have_it, readers))

    def _may_have_it(self, pid: int) -> bool:
        status = _status(pid)
        if status is None or status.started >= self._pressed:
            return False
        return not self._watchers.include(pid, status)


class _Status:
    """A process's parent, group and name, and its start in ticks since boot."""

    def __init__(self, line: str) -> None:
        name, _, rest = line.partition("(")[2].rpartition(")")
        fields = rest.split()
        self.name, self.parent, self.group = name, int(fields[1]), int(fields[2])
        self.started = int(fields[19])


def _status(pid: int) -> _Status | None:
    with contextlib.suppress(ValueError, IndexError):
        return _Status(proc.read(pid, "stat"))
    return None
