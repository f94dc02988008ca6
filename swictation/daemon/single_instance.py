"""One daemon at a time: a second one would type every word twice."""

import contextlib
import logging
import os
from collections.abc import Generator
from pathlib import Path
from typing import IO

from swictation.errors import AlreadyRunning
from swictation.filelock import try_lock
from swictation.paths import make_private
from swictation.remedies import already_running

_log = logging.getLogger(__name__)


@contextlib.contextmanager
def single_instance(*paths: Path) -> Generator[None]:
    """Hold the lock at each of `paths`, which also keeps out a daemon on another bus, or on none.

    A place where no lock is possible is skipped: a full or read-only disk stops nobody. If there
    is no such place, that is logged, and only the name on the bus keeps a second daemon out. The
    files stay: removing a lock file is a race.

    Raises:
        AlreadyRunning: another process holds one.
    """
    with contextlib.ExitStack() as locks:
        held = [_hold(path, locks) for path in paths]
        if not any(held):
            places = " nor at ".join(str(path) for path in paths)
            _log.warning(
                "no lock is possible at %s: make sure yourself that no second swictation runs;"
                " it would type every word twice",
                places,
            )
        yield


def _hold(path: Path, locks: contextlib.ExitStack) -> bool:
    """Whether the lock at `path` is held now, until `locks` ends. Raises AlreadyRunning."""
    try:
        lock = locks.enter_context(_open(path))
        is_ours = try_lock(lock)
    except OSError as error:  # such as a file system without locks
        _log.info("no lock at %s: %s", path, error.strerror)
        return False
    if not is_ours:
        raise _already_running(lock)
    with contextlib.suppress(OSError):  # names the holder; not needed
        lock.truncate(0)
        os.pwrite(lock.fileno(), f"{os.getpid()}\n".encode(), 0)
    return True


def _open(path: Path) -> IO[bytes]:
    """Open for reading alone if writing is not allowed: a lock needs no more. Raises OSError."""
    try:
        make_private(path.parent)
        number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        return os.fdopen(number, "r+b", buffering=0)
    except OSError:
        if not path.is_file():
            raise
        return path.open("rb", buffering=0)


def _already_running(lock: IO[bytes]) -> AlreadyRunning:
    holder = lock.read().decode(errors="replace").strip() if lock.writable() else ""
    return already_running(holder if holder.isdigit() else "")
