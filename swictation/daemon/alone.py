"""One daemon at a time: a second one would type every word twice."""

import contextlib
import fcntl
import os
from collections.abc import Generator
from pathlib import Path

from swictation.errors import AlreadyRunning, SwictationError
from swictation.paths import make_private


@contextlib.contextmanager
def alone(path: Path) -> Generator[None]:
    """Hold the lock at `path`, which also keeps a daemon out that has another bus, or none.

    Its file stays: to remove a lock file is a race.

    Raises:
        AlreadyRunning: another process holds it.
        SwictationError: it cannot be made.
    """
    try:
        make_private(path.parent)
        lock = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+")
    except OSError as error:
        raise SwictationError(f"{path} cannot be written: {error.strerror}.") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = lock.read().strip()
            raise AlreadyRunning(
                f"swictation is already running{f' (process {holder})' if holder else ''}: a second"
                " one would type every word twice.",
                f"to stop that one: systemctl --user stop swictation; or: kill {holder}",
            ) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield
