"""The terminal, or the next program of a pipe."""

import sys
from typing import TextIO

from swictation.inject.injector import OTHER_WINDOW, Injection, Target

_TERMINAL = Target("stdout", "")


class StdoutInjector:
    """Writes text as it is committed, and a newline at the end.

    Never for a service: the journal would keep what was said.
    """

    name = "stdout"
    lost = ""

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
            self._stream.write(text)
            self._stream.flush()
        except OSError as error:
            return Injection("refused", reason=error.strerror or str(error))
        return Injection("typed", sent=len(text))

    async def offer(self, text: str) -> bool:
        """It has no clipboard."""
        return False

    async def withdraw(self) -> None:
        """Nothing is ever unproven here."""

    async def flush(self) -> None:
        """End the line."""
        await self.inject("\n")

    async def focus(self) -> Target | None:
        """Always the same one."""
        return _TERMINAL

    async def close(self) -> None:
        """Nothing was borrowed."""
