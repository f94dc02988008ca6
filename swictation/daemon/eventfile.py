"""The file of `--events`: it holds what was said, so only its user may read it.

It may be a pipe or a terminal whose reader stands still; the run loop waits for no reader.
"""

import asyncio
import contextlib
import errno
import os
import select
import shlex
import stat
from pathlib import Path
from typing import BinaryIO

from swictation.config.owner import user_name
from swictation.errors import UsageError

_FLAGS = os.O_WRONLY | os.O_CLOEXEC | os.O_NOCTTY
_DEVICES = {os.makedev(1, 3), os.makedev(1, 7), os.makedev(5, 0)}
"""/dev/null, /dev/full, and /dev/tty, which leads to the user's own terminal."""
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_MOST_WAITING_BYTES = 8 << 20
"""Hours of dictation: a reader that has not read for so long does not come back."""
_LAST_WAIT_MS = 500
"""At the end, for a reader that reads nothing at all."""


class EventFile:
    """Writes lines without ever blocking; what its reader has not taken yet waits in memory.

    To be used on the run loop, if there is one.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._fd = file.fileno()
        os.set_blocking(self._fd, False)
        self._waiting = bytearray()
        self._loop: asyncio.AbstractEventLoop | None = None
        """Set while it watches the file for room."""

    def write(self, line: bytes) -> None:
        """Pass the line on, now or when there is room.

        Raises:
            OSError: it cannot be written, or too much waits already.
        """
        if len(self._waiting) + len(line) > _MOST_WAITING_BYTES:
            raise OSError(errno.ENOBUFS, "nobody reads them")
        self._waiting += line
        if self._loop is None:
            self._push()
            self._wait_for_room()

    def close(self) -> int:
        """Close the file; return how many bytes its reader did not take in time."""
        poll = select.poll()
        poll.register(self._fd, select.POLLOUT)
        with contextlib.suppress(OSError):
            while self._waiting and poll.poll(_LAST_WAIT_MS):
                self._push()
        self.abandon()
        return len(self._waiting)

    def abandon(self) -> None:
        """Close the file at once."""
        self._stop_watching()
        with contextlib.suppress(OSError):
            self._file.close()

    def _push(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._waiting:
                del self._waiting[: os.write(self._fd, self._waiting)]

    def _wait_for_room(self) -> None:
        if self._waiting:
            with contextlib.suppress(RuntimeError):  # no loop: the next line tries again
                self._loop = asyncio.get_running_loop()
                self._loop.add_writer(self._fd, self._on_room)

    def _on_room(self) -> None:
        try:
            self._push()
        except OSError:  # the next line reports it
            self._waiting.clear()
        if not self._waiting:
            self._stop_watching()

    def _stop_watching(self) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.remove_writer(self._fd)
        self._loop = None


def open_private(path: Path) -> BinaryIO:
    """Open `path` for writing, empty; a new file gets the mode 0600, whatever the umask.

    An existing path may be a file, a pipe or a terminal (/dev/stdout leads to one), if it is
    the user's own and nobody else may read it, or /dev/null. Its mode is never changed: somebody
    may have it open. A link to a file is refused: somebody who can make a link there would choose
    which file is overwritten.

    Raises:
        UsageError: it is something else, others may read it, or it cannot be written.
    """
    try:
        return _open(path)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}.") from error


def _open(path: Path) -> BinaryIO:
    try:
        fd = os.open(path, _FLAGS | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _open_present(path)
    os.fchmod(fd, 0o600)  # else an umask could lock its owner out
    return os.fdopen(fd, "wb")


def _open_present(path: Path) -> BinaryIO:
    status = os.stat(path)
    _refuse(path, status)  # before opening it, which alone has an effect on some devices
    is_file = stat.S_ISREG(status.st_mode)
    fd = os.open(path, _FLAGS | (os.O_NOFOLLOW if is_file else 0))
    file = os.fdopen(fd, "wb")
    try:
        _refuse(path, os.fstat(fd))
        if is_file:
            os.ftruncate(fd, 0)
    except BaseException:
        file.close()
        raise
    return file


def _refuse(path: Path, status: os.stat_result) -> None:
    """Raise UsageError unless the path is safe for what was said."""
    mode, name = status.st_mode, shlex.quote(str(path))
    if stat.S_ISCHR(mode) and status.st_rdev in _DEVICES:
        return
    if stat.S_ISREG(mode) and path.is_symlink():
        real = shlex.quote(os.path.realpath(path))
        raise UsageError(f"{path} is a link, to {real}.", f"name the file itself: --events {real}")
    if not (stat.S_ISREG(mode) or stat.S_ISFIFO(mode) or _is_terminal(status)):
        what = f"{path} is not a file, a pipe or a terminal."
        raise UsageError(what, "name a file: --events events.jsonl")
    if status.st_uid != os.geteuid():
        owner = user_name(status.st_uid)
        raise UsageError(f"{path} belongs to {owner}, who could read what you say.", f"rm {name}")
    # A terminal's group may write to it, by write(1), and not read.
    readable = stat.S_IRGRP | stat.S_IROTH if stat.S_ISCHR(mode) else _OTHERS
    if mode & readable:
        raise UsageError(
            f"{path} is there, and others may read it; it would hold what you say.",
            f"chmod 600 {name}",
        )


def _is_terminal(status: os.stat_result) -> bool:
    """By its number: a terminal of a desktop or of ssh, of the console, or a serial one."""
    return stat.S_ISCHR(status.st_mode) and os.major(status.st_rdev) in {4, 5, *range(136, 144)}
