"""Whether this program was changed on disk while one of its processes runs."""

import os
from pathlib import Path

import psutil

_ROOT = Path(__file__).parent


def was_updated_under(pid: int) -> bool:
    """Whether a module was written after that process began; False if there is no process.

    A worker that starts after that has other code than its daemon. Installing and checking out
    both rewrite files, so their times show it.
    """
    try:
        return _changed_s() > psutil.Process(pid).create_time()
    except psutil.Error:
        return False


def _changed_s() -> float:
    """When a module was last written, in seconds since the epoch."""
    times = [
        os.stat(os.path.join(folder, name)).st_mtime
        for folder, _, names in os.walk(_ROOT)
        for name in names
        if name.endswith(".py")
    ]
    return max(times, default=0.0)
