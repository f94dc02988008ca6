"""What a process does at its start to keep dictated text and sound to itself."""

import contextlib
import ctypes
import os
import resource
import signal
from pathlib import Path

INSPECT = "SWICTATION_INSPECT"
"""If set to anything, workers stay open to their user's debuggers and profilers."""
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE = 1, 4
_NOTHING = "0"


def keep_private() -> None:
    """No core dump of this process or of what it starts, and new files for its user alone."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # The limit is for files. A program that takes dumps through a pipe (/proc/sys/kernel/
    # core_pattern) gets one in any case: the filter leaves all memory out of it.
    with contextlib.suppress(OSError):
        Path("/proc/self/coredump_filter").write_text(_NOTHING)
    os.umask(os.umask(0o777) | 0o077)


def die_with_parent(parent_pid: int | None = None) -> None:
    """Have the kernel end this process together with its parent.

    `parent_pid`: the parent at the start, if it may be dead already.
    """
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if parent_pid not in (None, os.getppid()):  # it died before the call
        os.kill(os.getpid(), signal.SIGKILL)


def hide_memory() -> None:
    """Let no other process of the user read this one's memory; lasts until an exec.

    Not for the daemon: a desktop's portals read /proc/PID of their caller, which this closes. It
    also closes PSS and the list of open files; RSS, CPU time, signals and pidfds still work.
    """
    if not os.environ.get(INSPECT):
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0)
