"""Another program on the GPU: takes as many MiB as it is told, in a process of its own."""

import os
import select
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from realcard.driver import OUT_OF_MEMORY, CudaError, DriverCard

MIB = 1 << 20
_TESTS = Path(__file__).parents[1]
_PATIENCE_S = 60.0
"""A first context on a cold driver may take many seconds."""


class NoCard(Exception):
    """There is none that could be used; the text says why."""


class Hog:
    """A context manager; the process ends with it, or with this one.

    Its context takes some hundred MiB by itself: how many, the GPU has to be asked.
    """

    def __init__(self) -> None:
        """Start it; it finds the GPU as any program would. Raises NoCard."""
        self._child = subprocess.Popen(
            [sys.executable, "-m", "realcard.hog"],
            env={**os.environ, "PYTHONPATH": str(_TESTS)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.held_mib = 0.0
        """Beside its context."""
        if (told := self._answer()) != "ready":
            self.end()
            raise NoCard(told)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end()

    @property
    def pid(self) -> int:
        return self._child.pid

    def hold(self, mib: float) -> bool:
        """Hold so much beside the context; False: there is no room, and it holds what it held."""
        assert self._child.stdin
        self._child.stdin.write(f"{int(mib * MIB)}\n")
        self._child.stdin.flush()
        told = self._answer()
        assert told in ("held", "no room"), told
        self.held_mib = mib if told == "held" else self.held_mib
        return told == "held"

    def end(self) -> None:
        """Its memory is the driver's again, as after the end of any program."""
        if self._child.poll() is None:
            self._child.communicate(timeout=_PATIENCE_S)

    def _answer(self) -> str:
        assert self._child.stdout
        ready, _, _ = select.select([self._child.stdout], [], [], _PATIENCE_S)
        if not ready:
            self._child.kill()
            raise TimeoutError("the graphics driver does not answer")
        return self._child.stdout.readline().strip()


def main() -> None:
    """Sizes in bytes come in, a line each; the end of them is the end."""
    try:
        card = DriverCard()
    except (OSError, CudaError) as error:
        _tell(str(error))
        return
    _tell("ready")
    for line in sys.stdin:
        try:
            card.hold(int(line))
        except CudaError as error:
            _tell("no room" if error.error_code == OUT_OF_MEMORY else str(error))
        else:
            _tell("held")


def _tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
