"""A lock on a file, which ends with the process at the latest."""

import fcntl
from typing import IO


def try_lock(file: IO[bytes], *, is_shared: bool = False) -> bool:
    """Lock it until it is closed; False where another process holds it.

    Args:
        file: the open file.
        is_shared: only to see whether anybody holds it; several may do so at a time.

    Raises:
        OSError: the file system has no locks.
    """
    try:
        fcntl.flock(file, (fcntl.LOCK_SH if is_shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def wait_for_lock(file: IO[bytes]) -> None:
    """Lock it as soon as nobody else holds it. Blocks; raises OSError as above."""
    fcntl.flock(file, fcntl.LOCK_EX)
