"""A timer for something that has to happen by a certain time. One at a time."""

import asyncio
from collections.abc import Callable

_LAST_LOOK_S = 0.1


class Deadline:
    """Calls a function when the time is over. Lives on the run loop's thread."""

    def __init__(self) -> None:
        self._timer: asyncio.TimerHandle | None = None

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        """Call `act` after that time, unless the timer is set again or disarmed."""
        self.disarm()
        self._timer = asyncio.get_running_loop().call_later(seconds, act)

    def arm(self, seconds: float, miss: Callable[[], None]) -> None:
        """Like `after`, but allow 0.1 s more: we may have been stopped meanwhile (Ctrl-Z)."""
        self.after(seconds, lambda: self.after(_LAST_LOOK_S, miss))

    def disarm(self) -> None:
        """Stop the timer."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
