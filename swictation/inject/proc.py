"""What /proc says about other programs: nothing about one that has ended or is another user's."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


def read(pid: int, name: str) -> str:
    """The content of a file, or ""."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/{name}").read_text(errors="replace")
    return ""


def read_of_threads(pid: int, name: str) -> Iterator[str]:
    """The content of that file for each thread."""
    with suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            yield read(pid, f"task/{thread}/{name}")


def open_files(pid: int) -> Iterator[tuple[str, str]]:
    """Number and name of each: "/dev/ptmx", "pipe:[7]", "socket:[8]"."""
    with suppress(OSError):
        for fd in os.listdir(f"/proc/{pid}/fd"):
            with suppress(OSError):
                yield fd, os.readlink(f"/proc/{pid}/fd/{fd}")
