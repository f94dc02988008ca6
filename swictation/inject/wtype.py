"""The program wtype, where nothing else does. It needs a virtual keyboard as well and loses keys.

The text goes through its standard input: arguments are for all to read.
"""

import asyncio
import contextlib
import os
import shutil
from asyncio.subprocess import DEVNULL, PIPE

from swictation.inject.injector import Injection, Target
from swictation.inject.sendable import unsendable

SETTLE_MS = 200
"""A fresh keyboard's first keys get lost on a seat that had none; wtype waits before them."""
START_S = 3.0
CHARACTERS_PER_S = 80
"""Half of what was measured."""


class WtypeInjector:
    """Runs wtype for each text."""

    name = "wtype"
    lost = ""

    def __init__(self, program: str, display: str | None = None) -> None:
        self._program = program
        self._display = display

    @classmethod
    def find(cls, display: str | None = None) -> "WtypeInjector | None":
        """None where it is not installed."""
        program = shutil.which("wtype")
        return None if program is None else cls(program, display)

    async def inject(self, text: str, into: Target | None = None) -> Injection:
        """See `Injector.inject`. After a failure all of it counts as sent: nobody knows."""
        reason = "wtype cannot tell which window has the focus" if into else unsendable(text)
        if reason:
            return Injection("refused", reason=reason)
        environment = dict(os.environ)
        if self._display is not None:
            environment["WAYLAND_DISPLAY"] = self._display
        try:
            process = await asyncio.create_subprocess_exec(
                self._program, "-s", str(SETTLE_MS), "-",
                stdin=PIPE, stdout=DEVNULL, stderr=DEVNULL, env=environment,
            )  # fmt: skip
        except OSError as error:
            return Injection("refused", reason=f"wtype: {error.strerror}")
        try:
            async with asyncio.timeout(START_S + len(text) / CHARACTERS_PER_S):
                await process.communicate(text.encode())
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            return Injection("partial", sent=len(text), reason="wtype did not end in time")
        if process.returncode != 0:
            return Injection("partial", sent=len(text), reason="wtype failed")
        return Injection("typed", sent=len(text))

    async def offer(self, text: str) -> bool:
        """It has no clipboard."""
        return False

    async def withdraw(self) -> None:
        """Nothing is ever unproven here."""

    async def flush(self) -> None:
        """Nothing to settle."""

    async def focus(self) -> Target | None:
        """Not known to it."""
        return None

    async def close(self) -> None:
        """Nothing is kept open."""
