"""One process at a time, by a file beside what is worked on."""

import fcntl
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def alone(path: Path, on_wait: Callable[[], None] | None) -> Generator[int, None, None]:
    """Hold the lock `path`, yield its descriptor. The file stays: to remove a lock file is a race.

    Args:
        path: the file; its folder is made.
        on_wait: called once where another process holds it, which is then waited for; None: it is
            not waited for.

    Raises:
        BlockingIOError: another process holds it, and `on_wait` is None.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if on_wait is None:
                raise
            on_wait()
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock.fileno()
