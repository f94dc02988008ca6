"""Freed memory shows up late, so we wait for it before judging the next step. Pure."""

import math

import msgspec

from swictation.gpu.effects import MemoryFreed
from swictation.types import VramSnapshot

POLL_S = 0.25
GIVE_UP_S = 5.0
_ENOUGH = 0.75


class _Awaited(msgspec.Struct, frozen=True):
    action: str
    estimate_mib: float
    before: VramSnapshot | None
    lapses_s: float
    begun_s: float | None = None
    """When the action was carried out; None: not yet."""


class PendingFrees:
    """Memory that was freed and does not show yet.

    It tracks one action at a time, because the effects of two could not be told apart.
    """

    def __init__(self) -> None:
        self._awaited: _Awaited | None = None

    @property
    def is_pending(self) -> bool:
        """Whether we wait for what an action frees."""
        return self._awaited is not None

    @property
    def is_polling(self) -> bool:
        return self._awaited is not None and self._awaited.begun_s is not None

    def expect(
        self,
        action: str,
        estimate_mib: float,
        before: VramSnapshot | None,
        lapses_s: float = math.inf,
    ) -> None:
        """An action is about to be carried out; it replaces an earlier one.

        Args:
            action: its name.
            estimate_mib: what it should free.
            before: the last reading before it.
            lapses_s: the time at which it is forgotten if `done` has not been called.
        """
        self._awaited = _Awaited(action, estimate_mib, before, lapses_s)

    def done(self, action: str, now_s: float) -> None:
        """The action was carried out: what it freed may show from now on."""
        if self._awaited and self._awaited.action == action and self._awaited.begun_s is None:
            self._awaited = msgspec.structs.replace(self._awaited, begun_s=now_s)

    def forget(self, action: str) -> None:
        """The action was not carried out."""
        if self._awaited and self._awaited.action == action:
            self._awaited = None

    def next_s(self, now_s: float) -> float | None:
        """When to look again."""
        return now_s + POLL_S if self.is_polling else None

    def look(self, now_s: float, last: VramSnapshot | None) -> MemoryFreed | None:
        """Return what was freed, once it shows or is given up; None while waiting, or idle."""
        awaited = self._awaited
        if awaited is None:
            return None
        if awaited.begun_s is None:
            if now_s >= awaited.lapses_s:
                self._awaited = None
            return None
        freed_mib = own_mib = 0.0
        if last is not None and last.is_usable and last.at_s >= awaited.begun_s:
            freed_mib, own_mib = _freed_mib(awaited.before, last)
        took_s = now_s - awaited.begun_s
        if freed_mib < _ENOUGH * awaited.estimate_mib:
            if took_s < GIVE_UP_S:
                return None
            freed_mib = max(freed_mib, own_mib)  # others may have taken it at once
        self._awaited = None
        return MemoryFreed(awaited.action, awaited.estimate_mib, freed_mib, took_s)


def _freed_mib(before: VramSnapshot | None, after: VramSnapshot) -> tuple[float, float]:
    """How much more is free on the device, and how much less we hold.

    Our own part alone proves nothing: a process that ended holds 0 before its memory is back. If
    it was listed both times, what others freed meanwhile is not counted.
    """
    if before is None or not before.is_usable:
        return 0.0, 0.0
    shown_mib = after.free_mib - before.free_mib
    if before.ours_mib is None or after.ours_mib is None:
        return shown_mib, 0.0
    own_mib = before.ours_mib - after.ours_mib
    if own_mib <= 0.0 or not (before.is_ours_fresh and after.is_ours_fresh):
        return shown_mib, 0.0
    return min(shown_mib, own_mib), own_mib
