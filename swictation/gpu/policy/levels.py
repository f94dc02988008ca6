"""How full a GPU is, in four levels with hysteresis and dwell. Pure: time comes with the readings.

A level begins when the free memory stays below a threshold for `dwell_up_s`, the highest at once.
It ends when the free memory stays above a higher threshold for `dwell_down_s`. Without both, a
reading that varies by 1.2 % around a threshold changes levels 3529 times a day (docs/vram.md).
"""

from enum import IntEnum

import msgspec

from swictation.config.settings import VramSettings
from swictation.types import VramSnapshot

_LONGEST_BETWEEN_S = 20.0
"""Readings further apart than this say nothing about the time between them."""


class Level(IntEnum):
    """How full the GPU is, whichever program filled it."""

    NORMAL = 0
    WARNING = 1
    CRITICAL = 2
    EMERGENCY = 3


class Limits(msgspec.Struct, frozen=True, gc=False):
    """The thresholds of one GPU, as MiB free: for WARNING, CRITICAL and EMERGENCY."""

    enter_below_mib: tuple[float, float, float]
    leave_above_mib: tuple[float, float, float]
    dwell_up_s: float
    dwell_down_s: float

    @classmethod
    def of(cls, settings: VramSettings, total_mib: float) -> "Limits":
        """Compute the thresholds of the configuration for a GPU of that size.

        A level needs its fraction *and* free memory below its ceiling, so the lower of the two
        counts. The gap between beginning and end is in the same proportion for both.
        """
        free = [1.0 - fraction for fraction in settings.thresholds]
        enter = [
            min(part * total_mib, float(ceiling))
            for part, ceiling in zip(free, settings.ceiling_mib, strict=True)
        ]
        leave = [at * (part + settings.gap) / part for at, part in zip(enter, free, strict=True)]
        return cls(
            (enter[0], enter[1], enter[2]),
            (leave[0], leave[1], leave[2]),
            settings.dwell_up_s,
            settings.dwell_down_s,
        )


class LevelState(msgspec.Struct, frozen=True, gc=False):
    """The GPU's level, and the one that it is about to enter."""

    level: Level = Level.NORMAL
    since_s: float = 0.0
    """When the level began."""
    next: Level | None = None
    """The level that follows if the readings stay as they are."""
    next_since_s: float = 0.0
    read_s: float = float("-inf")
    """When the GPU was last read."""


def decide(state: LevelState, snapshot: VramSnapshot, limits: Limits) -> LevelState:
    """Return the level after a usable reading. One older than the last changes nothing."""
    now_s = snapshot.at_s
    between_s = now_s - state.read_s
    if between_s < 0.0:
        return state
    target = _target(state.level, snapshot.free_mib, limits)
    if target == state.level:
        return LevelState(target, state.since_s, read_s=now_s)
    if target == Level.EMERGENCY:
        return LevelState(target, now_s, read_s=now_s)
    is_up = target > state.level
    pending, since_s = state.next, state.next_since_s
    if pending is None or (pending > state.level) != is_up or between_s > _LONGEST_BETWEEN_S:
        pending, since_s = target, now_s
    # What held the whole time: the lowest of the higher levels, the highest of the lower ones.
    pending = min(pending, target) if is_up else max(pending, target)
    dwell_s = limits.dwell_up_s if is_up else limits.dwell_down_s
    if now_s - since_s >= dwell_s:
        return LevelState(pending, now_s, read_s=now_s)
    return LevelState(state.level, state.since_s, pending, since_s, now_s)


def _target(level: Level, free_mib: float, limits: Limits) -> Level:
    """The level by this reading alone, with the gap taken into account."""
    enter, leave = limits.enter_below_mib, limits.leave_above_mib
    target = 0
    while target < Level.EMERGENCY and (
        free_mib <= enter[target] or (target < level and free_mib <= leave[target])
    ):
        target += 1
    return Level(target)
