"""Sends and receives through clipboard pipes, without ever waiting for the other end."""

import contextlib
import fcntl
import os
import selectors
from collections.abc import Callable

from swictation.inject.wayland.client.connection import Connection

CHUNK = 65_536
ONE_PAGE = 4096


class Sender:
    """Feeds `content` into a pipe that a reader gave us, then closes it.

    `drained` says that the reader has taken the last byte, not just that it fits into the pipe: the
    pipe is reduced to one page, so "writable" can only mean "empty".
    """

    def __init__(
        self, connection: Connection, fd: int, content: bytes, over: Callable[[], None]
    ) -> None:
        """Takes over `fd`; calls `over` once, when the reader has everything or has gone."""
        self._connection = connection
        self._fd = fd
        self._rest = memoryview(content)
        self._over = over
        self.drained = False
        self.is_over = False
        self._proves = False
        with contextlib.suppress(OSError):
            fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, ONE_PAGE)
            self._proves = fcntl.fcntl(fd, fcntl.F_GETPIPE_SZ) == ONE_PAGE
        os.set_blocking(fd, False)
        try:
            connection.watch(fd, selectors.EVENT_WRITE, self._writable)
        except PermissionError:  # a plain file: always writable, never watchable
            self._end(drained=False)

    @property
    def is_written(self) -> bool:
        """Whether the reader has everything or finds it in the pipe."""
        return self.drained or (not self.is_over and not self._rest)

    def _writable(self) -> None:
        is_drained = not self._rest
        if self._rest:
            limit = ONE_PAGE if self._proves else CHUNK
            try:
                self._rest = self._rest[os.write(self._fd, self._rest[:limit]) :]
                return
            except BlockingIOError:
                return
            except OSError:  # it has gone
                pass
        self._connection.unwatch(self._fd)
        self._end(drained=is_drained)

    def _end(self, *, drained: bool) -> None:
        os.close(self._fd)
        self.drained, self.is_over = drained, True
        self._over()


class Receiver:
    """Collects what another client writes into a pipe."""

    def __init__(self, connection: Connection, limit: int, ask: Callable[[int], None]) -> None:
        """`limit`: more bytes than that count as a failure; `ask` passes the write end on."""
        self._connection = connection
        self._limit = limit
        self._fd, remote_fd = os.pipe2(os.O_CLOEXEC)
        ask(remote_fd)
        os.close(remote_fd)  # our copy, with which the content would never end
        os.set_blocking(self._fd, False)
        self._parts: list[bytes] = []
        self._size = 0
        self._wanted = True
        self.content: bytes | None = None
        """The content, once complete."""
        self.over = False
        connection.watch(self._fd, selectors.EVENT_READ, self._readable)

    def _readable(self) -> None:
        try:
            part = os.read(self._fd, CHUNK)
        except BlockingIOError:
            return
        except OSError:
            self._end()
            return
        self._size += len(part)
        if self._size > self._limit:
            self.give_up()
        if part and self._wanted:
            self._parts.append(part)
        if not part:
            self.content = b"".join(self._parts) if self._wanted else None
            self._end()

    def give_up(self) -> None:
        """Keep nothing more, but read on: a writer may die if nobody reads its pipe."""
        if not self.over:
            self._wanted = False
            self._parts.clear()

    def _end(self) -> None:
        self.over = True
        self._connection.unwatch(self._fd)
        os.close(self._fd)
