"""What the memory manager says of itself: `vram` in `swictation status --json`."""

from collections import deque
from typing import Literal

import msgspec

from swictation.types import Seat, VramSnapshot
from swictation.vram.breaker import State
from swictation.vram.card_worker import CardWorker
from swictation.vram.detector import DetectorSeat
from swictation.vram.effects import Effect, Gained, told
from swictation.vram.mind import Mind
from swictation.vram.modes import Mode, Modes
from swictation.vram.policy import Level

Need = Literal["held", "awaited", "none"]

KEPT_ACTIONS = 20


class DetectorPlace(msgspec.Struct, frozen=True):
    """Where the speech detector should compute, and where it does."""

    wanted: Seat
    effective: Seat
    reason: str


class BreakerStatus(msgspec.Struct, frozen=True):
    """Whether the worker on the card is trusted."""

    state: State
    generation: int
    failures: int
    why: str
    is_banned: bool = False
    """Too many workers died: until the user resets it, none is tried."""


class Action(msgspec.Struct, frozen=True):
    """Something that was done about the card's memory."""

    ago_s: float
    what: str
    reason: str
    level: str
    freed_mib: float | None = None
    """As the driver showed it; None: nothing was to be freed, or it has not shown yet."""


class VramStatus(msgspec.Struct, frozen=True):
    """The card as the manager sees it; None: not known."""

    total_mib: float | None
    free_mib: float | None
    ours_mib: float | None
    others_mib: float | None
    trouble: str
    """Why nothing is known, "" if something is."""
    level: str
    since_s: float
    """How long it has been at that level."""
    thresholds_mib: tuple[float, float, float] | None
    """MiB in use at which WARNING, CRITICAL and EMERGENCY begin on this card."""
    predicted_peak_mib: float
    """What an utterance of 10 s is expected to take."""
    worker: str
    tier: str
    vad_placement: DetectorPlace
    asr_placement: Seat | None
    mode: Mode
    mode_reason: str
    breaker: BreakerStatus
    actions: tuple[Action, ...]
    """The last ones, the newest last."""
    need: Need = "none"
    """How it is read: all the time, now and then, or not at all while nobody dictates."""
    read_ago_s: float | None = None
    """The age of these figures; None: it was never read."""


def steady(vram: VramStatus) -> VramStatus:
    """The same without what changes all the time."""
    return msgspec.structs.replace(
        vram,
        **dict.fromkeys(("total_mib", "free_mib", "ours_mib", "others_mib", "thresholds_mib")),
        **dict.fromkeys(("trouble", "mode_reason"), ""),
        **dict.fromkeys(("since_s", "predicted_peak_mib"), 0.0),
        actions=(),
        read_ago_s=None,
    )


class _Noted(msgspec.Struct):
    at_s: float
    what: str
    reason: str
    level: str
    freed_mib: float | None = None


def _ours_mib(last: VramSnapshot, worker: CardWorker) -> float | None:
    """As listed; the list is read seldom, so what has come or gone since is known better."""
    if last.ours_mib is None or last.is_ours_fresh:
        return last.ours_mib
    if not worker.is_there:
        return 0.0
    used_mib = last.total_mib - last.free_mib
    if worker.figures is None:
        return min(last.ours_mib, used_mib)
    return min(max(last.ours_mib, worker.context_mib + worker.figures.reserved_mib), used_mib)


def _place(worker: CardWorker, detector: DetectorSeat) -> DetectorPlace:
    """Where no worker is left, the next frame is judged by the daemon's own, whoever moved it."""
    effective = detector.effective if worker.is_there else "cpu"
    return DetectorPlace(detector.wanted, effective, detector.reason)


class Reporter:
    """Remembers the last actions and what they brought."""

    def __init__(self) -> None:
        self._noted: deque[_Noted] = deque(maxlen=KEPT_ACTIONS)

    def note(self, now_s: float, what: str, reason: str, level: Level) -> None:
        self._noted.append(_Noted(now_s, what, reason, level.name))

    def take(self, now_s: float, effects: list[Effect], level: Level) -> None:
        """Note what is being done; a gain belongs to the action that brought it."""
        for effect in effects:
            if isinstance(effect, Gained):
                self._gained(effect)
            else:
                self.note(now_s, *told(effect), level)

    def _gained(self, gained: Gained) -> None:
        noted = next((a for a in reversed(self._noted) if a.what == gained.action), None)
        if noted:
            noted.freed_mib = gained.freed_mib

    def status(self, mind: Mind, modes: Modes, need: Need, now_s: float) -> VramStatus:
        """All of it."""
        readings, worker, detector = mind.readings, mind.worker, mind.detector
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
            predicted_peak_mib=mind.work_mib,
            worker=worker.phase,
            tier=tiers[worker.tier].name if worker.tier < len(tiers) else "",
            vad_placement=_place(worker, detector),
            asr_placement=mind.seat,
            mode=modes.mode,
            mode_reason=modes.reason,
            breaker=BreakerStatus(
                mind.breaker.state,
                mind.breaker.generation,
                mind.breaker.failures,
                mind.breaker.why,
                mind.breaker.is_banned(now_s),
            ),
            actions=tuple(
                Action(now_s - a.at_s, a.what, a.reason, a.level, a.freed_mib) for a in self._noted
            ),
            need=need,
            read_ago_s=max(0.0, now_s - readings.read_s) if readings.last else None,
        )
