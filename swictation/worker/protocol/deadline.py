"""What must happen by a certain time, else something is done about it. One at a time."""

import asyncio
from collections.abc import Callable

_LAST_LOOK_S = 0.1


class Deadline:
    """Lives on the run loop's thread."""

    def __init__(self) -> None:
        self._timer: asyncio.TimerHandle | None = None

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        """Call `act` then, unless another time is set or none is wanted any more."""
        self.disarm()
        self._timer = asyncio.get_running_loop().call_later(seconds, act)

    def arm(self, seconds: float, miss: Callable[[], None]) -> None:
        """The same, with a last look: it may be here, and only we were asleep (Ctrl-Z)."""
        self.after(seconds, lambda: self.after(_LAST_LOOK_S, miss))

    def disarm(self) -> None:
        """Nothing is waited for."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
