"""The page processes of a browser, or of a program built on one, according to /proc."""

from collections.abc import Iterator

from swictation.inject import proc

_CHILDREN = ("--type=", "-contentproc", "WebKitWebProcess", "QtWebEngineProcess")
"""How browsers name the processes that handle the keys of their pages."""


def has_pages(pid: int) -> bool:
    """Whether the process has page processes, as a browser does."""
    return any(pages_of(pid))


def pages_of(pid: int) -> Iterator[int]:
    """The children of the process that handle pages, and their children that do."""
    for children in proc.read_of_threads(pid, "children"):
        for child in map(int, children.split()):
            command = proc.read(child, "cmdline")
            if any(name in command for name in _CHILDREN):
                yield child
                yield from pages_of(child)
