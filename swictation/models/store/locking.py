"""One process at a time, by a file beside what is worked on."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from swictation.filelock import try_lock, wait_for_lock


@contextmanager
def exclusive_lock(path: Path, on_wait: Callable[[], None] | None) -> Generator[int, None, None]:
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
        if not try_lock(lock):
            if on_wait is None:
                raise BlockingIOError
            on_wait()
            wait_for_lock(lock)
        yield lock.fileno()
