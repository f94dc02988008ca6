"""What is known about the GPU: the last reading, its age, and the level. Pure."""

import math

import msgspec

from swictation.config.settings import VramSettings
from swictation.gpu.policy.levels import Level, LevelState, Limits, decide
from swictation.types import Trouble, VramSnapshot

FRESH_S = 3.0
"""An older reading says nothing: the driver may block for ever."""
STEADY_S = 5.0
"""After a trouble the GPU has to be readable for this long before it is trusted again."""

_AT_ONCE: frozenset[Trouble] = frozenset({"lost", "no-driver", "mismatch"})
_OUT_OF_REACH: frozenset[Trouble] = frozenset(
    {"lost", "no-driver", "mismatch", "no-library", "no-device"}
)
_NEAR = 0.03
"""A fraction of the GPU's memory: this near to a threshold, it is read more often."""


class Readings:
    """The last reading of the GPU, and its level."""

    def __init__(self, settings: VramSettings) -> None:
        self._settings = settings
        self.ladder = LevelState()
        self.limits = Limits.of(settings, 0.0)
        self.last: VramSnapshot | None = None
        """The last reading, usable or not."""
        self.usable: VramSnapshot | None = None
        """The last usable reading."""
        self.read_s = float("-inf")
        self._usable_since_s: float | None = None
        self._had_trouble = False

    @property
    def level(self) -> Level:
        """How full the GPU is."""
        return self.ladder.level

    def take(self, snapshot: VramSnapshot) -> bool:
        """Take a reading. Returns whether it decides a level: it is usable, and not outdated."""
        if not snapshot.at_s >= self.read_s:
            return False
        between_s = snapshot.at_s - self.read_s
        self.read_s = snapshot.at_s
        self.last = snapshot
        if not is_possible(snapshot):
            self.last = msgspec.structs.replace(snapshot, trouble=snapshot.trouble or "nonsense")
            self._had_trouble = self._had_trouble or snapshot.trouble != "asleep"
            self._usable_since_s = None
            if snapshot.trouble == "asleep":  # nobody uses it: whatever filled it is gone
                self.ladder = LevelState(since_s=snapshot.at_s)
            return False
        if self._usable_since_s is None or between_s > FRESH_S:
            self._usable_since_s = snapshot.at_s
        if self.usable is None or self.usable.total_mib != snapshot.total_mib:
            self.limits = Limits.of(self._settings, snapshot.total_mib)
        self.usable = snapshot
        if self._had_trouble and snapshot.at_s - self._usable_since_s >= STEADY_S:
            self._had_trouble = False
        if self.ladder.read_s == float("-inf"):  # the first reading: there was no level before
            self.ladder = LevelState(since_s=snapshot.at_s)
        self.ladder = decide(self.ladder, snapshot, self.limits)
        return True

    def is_young(self, now_s: float) -> bool:
        """Whether the last reading is young, usable or not."""
        return self.last is not None and now_s - self.read_s <= FRESH_S

    def is_fresh(self, now_s: float) -> bool:
        """Whether the last reading is usable and young."""
        last = self.last
        return last is not None and not last.trouble and now_s - last.at_s <= FRESH_S

    def is_trusted(self, now_s: float) -> bool:
        """Whether the last reading is fresh, and no trouble was shortly before it."""
        return self.is_fresh(now_s) and not self._had_trouble

    @property
    def is_out_of_reach(self) -> bool:
        """Whether the GPU or its driver is not there: no later reading is likely to differ."""
        return self.last is not None and self.last.trouble in _OUT_OF_REACH

    @property
    def is_asleep(self) -> bool:
        return self.last is not None and self.last.trouble == "asleep"

    @property
    def is_gone(self) -> bool:
        """Whether the GPU or its driver is gone, so that nothing can go on there."""
        return self.last is not None and self.last.trouble in _AT_ONCE

    @property
    def is_near(self) -> bool:
        """Whether a level is about to begin or to end, or may be soon."""
        last = self.last
        if last is None or last.trouble:
            return False
        if self.ladder.next is not None:
            return True
        margin_mib = _NEAR * last.total_mib
        return any(abs(last.free_mib - mib) <= margin_mib for mib in self.limits.enter_below_mib)

    def trouble(self, now_s: float) -> str:
        """Why there is no usable reading, for the user; "" if there is one."""
        if self.last is None:
            return "the GPU has not been read yet"
        if self.last.trouble:
            return self.last.reason or f"the GPU cannot be read: {self.last.trouble}"
        if now_s - self.last.at_s > FRESH_S:
            return f"the GPU was last read {now_s - self.last.at_s:.0f} s ago"
        return "" if not self._had_trouble else "the GPU has only just become readable again"

    def forget(self, now_s: float) -> None:
        """Drop the readings from before a sleep of the machine."""
        self.last = None
        self._usable_since_s = None
        self.ladder = LevelState(since_s=now_s)


def is_possible(snapshot: VramSnapshot) -> bool:
    """Whether the reading is usable and its figures are plausible."""
    if snapshot.trouble:
        return False
    total_mib, free_mib, ours_mib = snapshot.total_mib, snapshot.free_mib, snapshot.ours_mib
    is_right = 0.0 < total_mib < math.inf and 0.0 <= free_mib <= total_mib
    return is_right and (ours_mib is None or 0.0 <= ours_mib <= total_mib)
