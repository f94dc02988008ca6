"""The processes that a browser, or what is one underneath, has for its pages: /proc knows them."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_PROC = Path("/proc")

_CHILDREN = ("--type=", "-contentproc", "WebKitWebProcess", "QtWebEngineProcess")
"""How browsers name the processes that handle the keys of their pages."""


def has_pages(pid: int) -> bool:
    """Whether it is of the kind of a browser."""
    return any(pages_of(pid))


def pages_of(pid: int) -> Iterator[int]:
    """Its children of which a browser has one for each page, and theirs."""
    for child in _children(pid):
        if any(name in _command(child) for name in _CHILDREN):
            yield child
            yield from pages_of(child)


def _children(pid: int) -> Iterator[int]:
    with suppress(OSError):
        for task in (_PROC / str(pid) / "task").iterdir():
            with suppress(OSError):
                yield from (int(child) for child in (task / "children").read_text().split())


def _command(pid: int) -> str:
    with suppress(OSError):
        return (_PROC / str(pid) / "cmdline").read_text(errors="replace")
    return ""
