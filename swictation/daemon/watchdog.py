"""Signs of life: the daemon tells systemd that it lives only while all of its parts move.

The restart is left to systemd: what hangs cannot be trusted to repair itself. A worker that hangs
is the supervisor's business.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from threading import Event, Thread

from swictation.clock import Clock, MonotonicClock
from swictation.daemon import diagnostics
from swictation.inject.plugin import at_work

INTERVAL_S = 10.0
"""Where systemd sets no interval."""

_AWAY_FACTOR = 1.5
"""A wait that took this much longer than asked for means that the process was stopped."""

_RUN_LOOP = "run loop"

_log = logging.getLogger(__name__)


class Watchdog:
    """A thread that looks at the run loop and at others each `interval_s`; two wake-ups a look.

    While all move it calls `beat`. What stands still is named once, with the stacks of all
    threads, and `beat` is not called until it moves again.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        checks: Mapping[str, Callable[[], bool]],
        beat: Callable[[], None],
        interval_s: float = INTERVAL_S,
        clock: Clock | None = None,
    ) -> None:
        """Prepare to watch; `start` begins.

        Args:
            loop: the run loop, which has to answer within an interval.
            checks: by name, whether a thread has progressed since the last call or has nothing to
                do. Called on the watchdog's thread each interval; must not wait for anything.
            beat: tells systemd; called on the watchdog's thread.
            interval_s: seconds between two looks.
            clock: for tests.
        """
        self._loop = loop
        self._checks = checks
        self._beat = beat
        self._interval_s = interval_s
        self._clock = clock or MonotonicClock()
        # Two numbers, each written by one thread alone; the loop owes an answer while they differ.
        self._asked = self._answered = 0
        self._asked_s = self._looked_s = self._clock.now_s()
        self._stuck: tuple[str, ...] = ()
        self._stop = Event()
        self._thread = Thread(target=self._run, name="watchdog", daemon=True)

    def start(self) -> None:
        """Begin to watch; the first sign of life follows at once."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread and wait for its end."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        self._looked_s = self._clock.now_s()
        self._ask()
        self._beat()
        while not self._stop.wait(self._interval_s):
            self.look()

    def look(self) -> None:
        """Look once at everything. On the watchdog's thread, or alone in tests."""
        now_s = self._clock.now_s()
        was_away = now_s - self._looked_s > _AWAY_FACTOR * self._interval_s
        self._looked_s = now_s
        # All checks are asked each time: each covers the time since its last call.
        still = [name for name, moves in self._checks.items() if not self._is_fine(name, moves)]
        if was_away:
            # All stood still together, which proves nothing: they get one more interval.
            self._asked_s = now_s
            still = []
        elif self._is_owed and now_s - self._asked_s >= self._interval_s:
            still.insert(0, _RUN_LOOP)
        self._tell(tuple(still))
        self._ask()
        if not still:
            self._beat()

    @property
    def _is_owed(self) -> bool:
        return self._answered != self._asked

    def _ask(self) -> None:
        """Ask the loop for a sign, unless it still owes one."""
        if not self._is_owed:
            self._asked += 1
            self._asked_s = self._clock.now_s()
            with contextlib.suppress(RuntimeError):  # closed: the daemon is ending
                self._loop.call_soon_threadsafe(self._answer, self._asked)

    def _answer(self, number: int) -> None:
        """On the run loop."""
        self._answered = number

    def _is_fine(self, name: str, moves: Callable[[], bool]) -> bool:
        try:
            return moves()
        except Exception as error:  # noqa: BLE001 - a look that fails must not end the watch
            _log.error("watchdog: looking at %s failed: %r", name, error)
            return False

    def _tell(self, still: tuple[str, ...]) -> None:
        if new := [name for name in still if name not in self._stuck]:
            culprit = at_work() if _RUN_LOOP in new else ""
            names = ", ".join([f"{new[0]} (in {culprit})", *new[1:]] if culprit else new)
            _log.error("watchdog: stuck: %s; the stacks of all threads follow", names)
            diagnostics.dump()
        if moving := [name for name in self._stuck if name not in still]:
            _log.warning("watchdog: moves again: %s", ", ".join(moving))
        self._stuck = still
