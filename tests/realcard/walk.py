"""A GPU followed through its levels, and every step judged by the readings that led to it."""

import queue
import time
from typing import NamedTuple

from patience import PATIENCE_S
from swictation.config.settings import VramSettings
from swictation.gpu.nvml.poller import VramPoller
from swictation.gpu.nvml.probe import MemoryProbe
from swictation.gpu.policy.levels import Level, LevelState, Limits, decide

_STAYS_READINGS = 5


class Move(NamedTuple):
    """A level that was entered, by the reading of that number."""

    reading: int
    was: Level
    level: Level


class Walk:
    """Reads by the daemon's own thread, and follows the policy. A context manager."""

    def __init__(self, probe: MemoryProbe, settings: VramSettings, total_mib: float) -> None:
        self._settings = settings
        self._limits = Limits.of(settings, total_mib)
        self._ladder = LevelState()
        self._readings = []
        self._posted = queue.SimpleQueue()
        self._poller = VramPoller(probe, self._posted.put, settings)
        self.moves = []

    def __enter__(self):
        self._poller.start()
        self._poller.watch("held")
        return self

    def __exit__(self, *_):
        self._poller.stop()

    def until(self, level: Level) -> None:
        """Read until the GPU stands there, and a while longer: it has to stay."""
        end_s = time.monotonic() + PATIENCE_S
        while self._ladder.level != level:
            assert time.monotonic() < end_s, f"{level.name} never came: {self._readings[-1]}"
            self._read()
        for _ in range(_STAYS_READINGS):
            self._read()

    def judge(self, move: Move) -> None:
        """EMERGENCY by the first reading that says so; all others after a dwell without a gap."""
        now, before = self._readings[move.reading], self._readings[: move.reading]
        enter_mib, leave_mib = self._limits.enter_below_mib, self._limits.leave_above_mib
        if move.level == Level.EMERGENCY:
            assert now.free_mib <= enter_mib[2] < before[-1].free_mib
            return
        is_up = move.level > move.was
        dwell_s = self._settings.dwell_up_s if is_up else self._settings.dwell_down_s
        during = [one for one in before if now.at_s - one.at_s <= dwell_s]
        assert during
        for one in [*during, now]:
            if is_up:
                assert one.free_mib <= enter_mib[move.level - 1]
            else:
                assert one.free_mib > leave_mib[move.level]

    def _read(self) -> None:
        now = self._posted.get(timeout=PATIENCE_S)
        self._poller.ack()
        assert now.is_usable, now.reason
        self._readings.append(now)
        was, self._ladder = self._ladder.level, decide(self._ladder, now, self._limits)
        if self._ladder.level != was:
            self.moves.append(Move(len(self._readings) - 1, was, self._ladder.level))
