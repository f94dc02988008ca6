"""Logs what a child prints, line by line, up to a limit."""

import asyncio
import contextlib
import logging
import os

from swictation.shown import printable

_LOGGED_LINES = 100
_LINE_CHARACTERS = 300
_CHUNK_BYTES = 2**16
_GRACE_S = 1.0

_log = logging.getLogger(__name__)


class Output:
    """The output of one child. Lives on the run loop's thread; others close `fd`, the child's end.

    Raises:
        OSError: no pipe can be made.
    """

    def __init__(self, name: str) -> None:
        """`name`: of the child, for the log."""
        self._name = name
        self._lines = 0
        self._is_remembered = True
        self.last_line = ""
        """The last line that it printed before `forget`."""
        self._ours, self.fd = os.pipe()

    def start(self) -> None:
        """Begin to read."""
        self._task = asyncio.create_task(self._pump())

    def abandon(self) -> None:
        """Close the pipe, in place of `start`, if the child was not started."""
        os.close(self._ours)

    def forget(self) -> None:
        """Keep no line from now on, because it may hold dictated text."""
        self._is_remembered, self.last_line = False, ""

    async def drained(self) -> None:
        """Wait until everything is read, a second at most: another process may hold `fd`."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._task, _GRACE_S)

    async def _pump(self) -> None:
        reader = asyncio.StreamReader()
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(self._ours, "rb", 0)
        )
        rest = b""
        try:
            while chunk := await reader.read(_CHUNK_BYTES):
                *lines, rest = (rest + chunk).split(b"\n")
                if len(rest) > _CHUNK_BYTES:
                    lines, rest = [*lines, rest], b""
                for line in lines:
                    self._note(line)
        finally:
            self._note(rest)
            transport.close()

    def _note(self, text_bytes: bytes) -> None:
        """Log a line, with escape sequences made harmless for a terminal."""
        line = printable(text_bytes.decode(errors="replace").strip(), _LINE_CHARACTERS)
        if not line:
            return
        if self._is_remembered:
            self.last_line = line
        self._lines += 1
        if self._lines <= _LOGGED_LINES:
            _log.info("%s: %s", self._name, line)
        elif self._lines == _LOGGED_LINES + 1:
            _log.warning("%s prints too much: the rest is not logged", self._name)
