"""A lock between processes: a file beside what is worked on."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from swictation.filelock import try_lock, wait_for_lock


@contextmanager
def exclusive_lock(path: Path, on_wait: Callable[[], None] | None) -> Generator[int, None, None]:
    """Hold the lock `path`, yield its descriptor. The file stays: removing it would be a race.

    Args:
        path: the file; its folder is made.
        on_wait: called once before waiting for another process that holds it; None: do not wait.

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
