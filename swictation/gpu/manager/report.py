"""The memory manager's status: see `gpu/status.py`."""

from collections import deque

import msgspec

from swictation.gpu.effects import Effect, MemoryFreed, summary
from swictation.gpu.manager.modes import ServiceMode
from swictation.gpu.manager.state import ManagerState
from swictation.gpu.policy.gpu_worker_state import GpuWorkerState
from swictation.gpu.policy.levels import Level
from swictation.gpu.policy.vad_placement import VadPlacement
from swictation.gpu.status import Action, BreakerStatus, DetectorPlace, Need, VramStatus
from swictation.types import VramSnapshot

KEPT_ACTIONS = 20


class _Noted(msgspec.Struct):
    at_s: float
    what: str
    reason: str
    level: str
    freed_mib: float | None = None


def _ours_mib(last: VramSnapshot, worker: GpuWorkerState) -> float | None:
    """As the driver listed it; but the list is read seldom, so later changes are added here."""
    if last.ours_mib is None or last.is_ours_fresh:
        return last.ours_mib
    if not worker.is_there:
        return 0.0
    used_mib = last.total_mib - last.free_mib
    if worker.figures is None:
        return min(last.ours_mib, used_mib)
    return min(max(last.ours_mib, worker.context_mib + worker.figures.reserved_mib), used_mib)


def _place(worker: GpuWorkerState, detector: VadPlacement) -> DetectorPlace:
    """Without a worker, the daemon's own detector judges the next frame."""
    effective = detector.effective if worker.is_there else "cpu"
    return DetectorPlace(detector.wanted, effective, detector.reason)


class Reporter:
    """Remembers the last actions and what they freed."""

    def __init__(self) -> None:
        self._noted: deque[_Noted] = deque(maxlen=KEPT_ACTIONS)

    def note(self, now_s: float, what: str, reason: str, level: Level) -> None:
        self._noted.append(_Noted(now_s, what, reason, level.name))

    def take(self, now_s: float, effects: list[Effect], level: Level) -> None:
        """Note the actions; freed memory is noted at the action that freed it."""
        for effect in effects:
            if not isinstance(effect, MemoryFreed):
                self.note(now_s, *summary(effect), level)
            elif of := next((a for a in reversed(self._noted) if a.what == effect.action), None):
                of.freed_mib = effect.freed_mib

    def status(
        self, state: ManagerState, modes: ServiceMode, need: Need, now_s: float
    ) -> VramStatus:
        """Return the whole status."""
        readings, worker, detector = state.readings, state.worker, state.detector
        last = readings.usable if readings.last and not readings.last.trouble else None
        ours_mib = _ours_mib(last, worker) if last else None
        enter = readings.limits.enter_below_mib
        tiers = worker.tiers
        return VramStatus(
            total_mib=last.total_mib if last else None,
            free_mib=last.free_mib if last else None,
            ours_mib=ours_mib,
            others_mib=last.total_mib - last.free_mib - ours_mib
            if last and ours_mib is not None
            else None,
            trouble=readings.trouble(now_s),
            level=readings.level.name,
            since_s=max(0.0, now_s - readings.ladder.since_s) if readings.last else 0.0,
            thresholds_mib=(
                last.total_mib - enter[0],
                last.total_mib - enter[1],
                last.total_mib - enter[2],
            )
            if last
            else None,
            predicted_peak_mib=state.work_mib,
            worker=worker.phase,
            tier=tiers[worker.tier].name if worker.tier < len(tiers) else "",
            vad_placement=_place(worker, detector),
            asr_placement=state.placement,
            mode=modes.mode,
            mode_reason=modes.reason,
            breaker=msgspec.convert(state.breaker, BreakerStatus, from_attributes=True),
            actions=tuple(
                Action(now_s - a.at_s, a.what, a.reason, a.level, a.freed_mib) for a in self._noted
            ),
            need=need,
            read_ago_s=max(0.0, now_s - readings.read_s) if readings.last else None,
        )
