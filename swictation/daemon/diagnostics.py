"""Logging to stderr without dictated words, dumps of all stacks, threads left running."""

import faulthandler
import logging
import os
import signal
import threading
from typing import Any

from swictation.daemon.rereading import THREAD
from swictation.remedies import typeable
from swictation.shown import printable, printable_lines

STDERR = 2
_LINE_CHARACTERS = 4000


def set_up(*, verbose: bool) -> None:
    """Warnings and worse; with `verbose` everything worth knowing."""
    handler = logging.StreamHandler(
        os.fdopen(kept_stderr(), "w", buffering=1, errors="backslashreplace")
    )
    handler.setFormatter(Formatter("swictation: %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.INFO if verbose else logging.WARNING)


class Formatter(logging.Formatter):
    """One line for each record, except a traceback; no foreign name can start a line.

    Our commands get the path with which they can be typed.
    """

    def formatMessage(self, record: logging.LogRecord) -> str:
        line = printable(super().formatMessage(record), _LINE_CHARACTERS)
        return typeable(line, anywhere=True)

    def formatException(self, ei: Any) -> str:  # noqa: ANN401
        return printable_lines(super().formatException(ei))


def kept_stderr() -> int:
    """A duplicate of the present stderr; it stays open as long as the process.

    While sounddevice lists the devices, which it does repeatedly if a sound server is down, it
    points descriptor 2 of the whole process at /dev/null: what any thread logs is lost.
    """
    return os.dup(STDERR)


def on_signal() -> None:
    """Dump all stacks to stderr at SIGUSR1, and before a fatal signal ends the process.

    Not on an event loop: it works while the run loop hangs.
    """
    stderr = kept_stderr()
    faulthandler.enable(stderr)
    faulthandler.register(signal.SIGUSR1, stderr)


def dump() -> None:
    """Dump all stacks to stderr now."""
    faulthandler.dump_traceback(STDERR)


_TOLD_ALREADY = {"vram-probe", THREAD}
"""Left running where the graphics driver hangs, as its `stop` has logged; or a file system."""

_log = logging.getLogger(__name__)


def name_leaks() -> None:
    """Log the threads that still run beside the main one."""
    for thread in threading.enumerate():
        if thread is not threading.main_thread() and thread.name not in _TOLD_ALREADY:
            _log.warning("the thread %s was left running: probably a bug", thread.name)
