"""Commands to a GPU worker besides its work, repeated until it confirms them. Pure."""

from swictation.backoff import Backoff
from swictation.gpu.effects import Order, OrderName
from swictation.gpu.policy.cache import pays
from swictation.gpu.policy.levels import Level
from swictation.types import AllocatorFigures

TRIM_PAUSE_S = 10.0
"""The least time between two trims, so that not every segment trims."""

CONFIRMED_WITHIN_S = 30.0
"""A command not confirmed within this time is sent again; a decode may come in between."""

_REFUSALS = 3
"""After this many refusals in a row, a worker is not asked again."""


class _Standing:
    """One command: sent, confirmed, or to be repeated."""

    def __init__(self) -> None:
        self.asked_s: float | None = None
        self.retry = Backoff(5.0, 300.0)
        self.refusals = 0

    def ask(self, now_s: float) -> None:
        self.asked_s = now_s

    def may_ask(self, now_s: float) -> bool:
        if self.asked_s is not None and now_s - self.asked_s >= CONFIRMED_WITHIN_S:
            self._lapsed(now_s)
        if self.refusals >= _REFUSALS:
            return False
        return self.asked_s is None and self.retry.is_over(now_s)

    def answered(self, now_s: float, *, is_done: bool) -> None:
        if not is_done:
            self.refusals += 1
            self._lapsed(now_s)
            return
        self.asked_s, self.refusals = None, 0
        self.retry.succeeded()

    def _lapsed(self, now_s: float) -> None:
        self.asked_s = None
        self.retry.failed(now_s)

    @property
    def next_s(self) -> float:
        return self.retry.until_s if self.asked_s is None else self.asked_s + CONFIRMED_WITHIN_S


class WorkerCommands:
    """The state that the worker is in, and the one that the level requires."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """There is a new worker, with a full buffer and beams."""
        self._is: set[str] = set(_AT_EASE)
        self._standing: dict[str, _Standing] = {}
        self._trimmed_s = float("-inf")

    def due(self, now_s: float, level: Level) -> list[Order]:
        """Return the commands that the level requires and the worker has not confirmed."""
        wanted = _SHORT if level >= Level.CRITICAL else _AT_EASE
        return [
            self._give(now_s, what)
            for what in sorted(wanted - self._is)
            if self._of(what).may_ask(now_s)
        ]

    def trim(self, now_s: float, figures: AllocatorFigures | None, free_mib: float) -> Order | None:
        """Return the command to free the cache, if that pays and was not just done."""
        if figures is None or now_s - self._trimmed_s < TRIM_PAUSE_S:
            return None
        if not pays(figures, free_mib) or not self._of("trim").may_ask(now_s):
            return None
        return self._give(now_s, "trim")

    def done(self, now_s: float, what: str, *, is_done: bool) -> None:
        """Take the worker's answer. `is_done` False: it could not, or does not know how."""
        standing = self._standing.get(what)
        if standing is None:
            return
        standing.answered(now_s, is_done=is_done)
        if not is_done:
            return
        if what == "trim":
            self._trimmed_s = now_s
        elif what in _OPPOSITE:
            self._is = self._is - {_OPPOSITE[what]} | {what}

    def next_s(self, now_s: float) -> float | None:
        """When a command may have to be repeated."""
        return min((s.next_s for s in self._standing.values() if s.next_s > now_s), default=None)

    def _of(self, what: OrderName) -> _Standing:
        return self._standing.setdefault(what, _Standing())

    def _give(self, now_s: float, what: OrderName) -> Order:
        self._of(what).ask(now_s)
        return Order(what)


_AT_EASE: frozenset[OrderName] = frozenset({"beam", "full-buffer"})
_SHORT: frozenset[OrderName] = frozenset({"greedy", "half-buffer"})
_OPPOSITE = {
    "beam": "greedy",
    "greedy": "beam",
    "full-buffer": "half-buffer",
    "half-buffer": "full-buffer",
}
