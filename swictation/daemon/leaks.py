"""What is left at the end is a bug, and named."""

import logging
import threading

from swictation.daemon.rereading import THREAD

_TOLD_ALREADY = {"vram-probe", THREAD}
"""Left behind where the graphics driver hangs, as its `stop` has said; or a file system does."""

_log = logging.getLogger(__name__)


def name_leaks() -> list[str]:
    """The threads that still run beside the main one; each is logged."""
    left = [thread.name for thread in threading.enumerate() if not _is_main(thread)]
    for name in (name for name in left if name not in _TOLD_ALREADY):
        _log.warning("the thread %s was left running: probably a bug", name)
    return left


def _is_main(thread: threading.Thread) -> bool:
    return thread is threading.main_thread()
