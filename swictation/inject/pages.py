"""The processes that a browser, or what is one underneath, has for its pages: /proc knows them."""

from collections.abc import Iterator

from swictation.inject import proc

_CHILDREN = ("--type=", "-contentproc", "WebKitWebProcess", "QtWebEngineProcess")
"""How browsers name the processes that handle the keys of their pages."""


def has_pages(pid: int) -> bool:
    """Whether it is of the kind of a browser."""
    return any(pages_of(pid))


def pages_of(pid: int) -> Iterator[int]:
    """Its children of which a browser has one for each page, and theirs."""
    for children in proc.read_of_threads(pid, "children"):
        for child in map(int, children.split()):
            command = proc.read(child, "cmdline")
            if any(name in command for name in _CHILDREN):
                yield child
                yield from pages_of(child)
