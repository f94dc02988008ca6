"""What a child prints goes to the log, line by line, as long as it is not a flood."""

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
    """Of one child, on the run loop's thread; `fd` is its end of the pipe, to be closed by others.

    Raises:
        OSError: no pipe is to be had.
    """

    def __init__(self, name: str) -> None:
        """`name`: whose it is, for the log."""
        self._name = name
        self._lines = 0
        self._is_remembered = True
        self.last_line = ""
        """What it said last, until `forget`."""
        self._ours, self.fd = os.pipe()

    def start(self) -> None:
        """Begin to read."""
        self._task = asyncio.create_task(self._pump())

    def abandon(self) -> None:
        """There is nobody to read of: instead of `start`."""
        os.close(self._ours)

    def forget(self) -> None:
        """What it says from now on may hold dictated text: nothing of it is kept."""
        self._is_remembered, self.last_line = False, ""

    async def drained(self) -> None:
        """Returns when all is read, or a second later: somebody else may hold the child's end."""
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
        """What it says is its own: shown so that no terminal obeys it."""
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
