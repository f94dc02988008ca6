"""The terminal, or the next program of a pipe."""

import asyncio
import contextlib
import select
import sys
from typing import TextIO

from swictation.inject.injector import (
    OTHER_WINDOW,
    BasicInjector,
    Focused,
    Injection,
    InjectorCapabilities,
    Target,
)

_TERMINAL = Target("stdout", "")
_PIECE_CHARACTERS = 1000
"""Of at most four bytes each: they fit into any pipe that has room."""
_LAST_WAIT_S = 1.0


class StdoutInjector(BasicInjector):
    """Writes text as it is committed, and a newline at the end.

    Waits for a reader that has stopped (a pager, a terminal after Ctrl-S), while the run loop goes
    on: it may be asked to end.

    Never for a service: systemd's journal would keep what was said.
    """

    name = "stdout"
    lost = ""
    capabilities = InjectorCapabilities(knows_focus=True, keys=True)

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream: TextIO = stream or sys.stdout
        # A terminal that cannot show an accent is no reason to lose the sentence.
        if reconfigure := getattr(self._stream, "reconfigure", None):
            reconfigure(errors="replace")

    async def inject(self, text: str, into: Target | None = None) -> Injection:
        """See `Injector.inject`."""
        if into is not None and into != _TERMINAL:
            return Injection("refused", reason=OTHER_WINDOW)
        try:
            for begin in range(0, len(text), _PIECE_CHARACTERS):
                await self._wait_for_room()
                self._stream.write(text[begin : begin + _PIECE_CHARACTERS])
                self._stream.flush()
        except OSError as error:
            return Injection("refused", reason=error.strerror or str(error))
        return Injection("typed", sent=len(text))

    async def flush(self) -> None:
        """End the line; wait 1 s at most for a reader that has stopped."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LAST_WAIT_S):
                await self.inject("\n")

    async def _wait_for_room(self) -> None:
        try:
            fd = self._stream.fileno()
        except OSError:  # in memory
            return
        poll = select.poll()
        poll.register(fd, select.POLLOUT)
        if poll.poll(0):
            return
        loop, has_room = asyncio.get_running_loop(), asyncio.Event()
        loop.add_writer(fd, has_room.set)
        try:
            await has_room.wait()
        finally:
            loop.remove_writer(fd)

    async def focus(self) -> Focused:
        """Always the same target."""
        return _TERMINAL
