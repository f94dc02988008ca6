"""The one that decides about the card: readings and events in, effects out. Pure.

It holds no thread and no clock: time is what its inputs say, and `next_tick_s` tells when it
wants to be asked again. Each input brings the effects that are due now; the daemon and the
simulation carry them out and tell what became of them. An end, an order or a move that is not
confirmed is asked for again, with a pause, as long as its condition holds; a load comes or fails.
"""

from swictation.config.settings import Settings
from swictation.gpu.manager.decisions import (
    ANSWER_S,
    BLIND_S,
    blind_since_s,
    stop_due,
    work_due,
)
from swictation.gpu.manager.effects import Effect, Foreseen, PlaceAsr, Route, StopGpu
from swictation.gpu.manager.modes import Mode, Modes, why_not_gpu
from swictation.gpu.manager.report import Reporter
from swictation.gpu.manager.state import Mind
from swictation.gpu.manager.status import CpuState, Need, VramStatus
from swictation.gpu.policy.admission import Admission
from swictation.gpu.policy.breaker import Breaker
from swictation.gpu.policy.levels import Level
from swictation.gpu.policy.readings import FRESH_S
from swictation.types import (
    DEATHS_UNTIL_SET_ASIDE,
    AllocatorFigures,
    FailureKind,
    Seat,
    Tier,
    VramSnapshot,
)

LEAST_PIECE_S = 4.0
"""Shorter pieces lose more at their seams than the card gains."""

_SEAM_BACKLOG_S = 10.0
"""So far behind, and the way back to the card does not wait for an utterance's end."""


class AdaptiveMemoryManager:
    """Decides which work is done on the card, and when its worker comes and goes.

    Args:
        settings: the whole configuration.
        breaker: trusts the worker, or does not; the manager is the only one to tell it anything.
        admission: predicts what a unit of work takes.
        is_wanted: an engine for a card is there; else `want` says so later.
        tiers: the ways in which its model can be loaded, if that is known before it was.

    Requests go to `asr_seat` until the first `PlaceAsr`, the detector to the CPU.
    """

    def __init__(
        self,
        settings: Settings,
        breaker: Breaker,
        admission: Admission,
        *,
        is_wanted: bool,
        tiers: tuple[Tier, ...] = (),
    ) -> None:
        self._mind = Mind(settings, breaker, admission, tiers, is_wanted=is_wanted)
        self._modes = Modes()
        self._reporter = Reporter()
        self._now_s = 0.0

    # What is told to it. Each answer is what to do now.

    def want(
        self, now_s: float, foreseen: Foreseen | None = None, *, replaces: bool = False
    ) -> list[Effect]:
        """An engine for the card is there now: its model may have had to be fetched.

        `replaces`: it is another than before, whose worker has to go.
        """
        self._mind.want(foreseen, replaces=replaces)
        return self._settle(now_s)

    def on_snapshot(self, snapshot: VramSnapshot) -> list[Effect]:
        """A reading of the card, usable or not; one older than the last changes nothing."""
        changed = self._mind.take(snapshot)
        return self._settle(snapshot.at_s, changed)

    def tick(self, now_s: float) -> list[Effect]:
        """Time has passed."""
        return self._settle(now_s)

    def on_activity(
        self, now_s: float, *, is_listening: bool, is_busy: bool, backlog_s: float
    ) -> list[Effect]:
        """What the user does: `is_busy`: an utterance is open or unanswered."""
        self._mind.note_activity(
            now_s, is_listening=is_listening, is_busy=is_busy, backlog_s=backlog_s
        )
        return self._settle(now_s)

    def on_gpu_ready(
        self, now_s: float, tiers: tuple[Tier, ...], tier: int, figures: AllocatorFigures | None
    ) -> list[Effect]:
        """Its model is loaded."""
        if self._mind.worker.phase != "stopping":  # else it was quicker than its end
            self._mind.worker_ready(now_s, tiers, tier, figures)
        return self._settle(now_s)

    def on_gpu_gone(self, now_s: float, kind: FailureKind | None, reason: str) -> list[Effect]:
        """Its process is gone; `kind` None: it was asked to go."""
        if kind is not None:
            self._reporter.note(now_s, "gone", reason, self._mind.level)
        self._mind.worker_gone(now_s, kind, reason)
        return self._settle(now_s)

    def on_gpu_failed(self, now_s: float, kind: FailureKind) -> list[Effect]:
        """A unit of work failed and the worker lives: an OOM; anything else is its end."""
        self._mind.trust.failed(kind, now_s)
        self._reporter.note(now_s, "failed", kind, self._mind.level)
        return self._settle(now_s)

    def on_gpu_answer(
        self, now_s: float, audio_s: float, figures: AllocatorFigures | None
    ) -> list[Effect]:
        """A user's request was answered there."""
        mind = self._mind
        before = mind.worker.figures
        # After an OOM it was decoded in halves, whose peak says nothing of the whole.
        was_whole = before is None or (figures is not None and figures.ooms == before.ooms)
        if figures is not None and was_whole:
            mind.admission.observe(audio_s, max(0.0, figures.peak_mib - figures.allocated_mib))
        mind.worker.measured(figures)
        mind.trust.succeeded(now_s)
        return self._settle(now_s)

    def on_validated(self, now_s: float, *, is_good: bool) -> list[Effect]:
        """The known sound was answered, rightly or not; its failure comes as any other."""
        self._mind.trust.validated(now_s, is_good=is_good)
        return self._settle(now_s)

    def on_order_done(
        self, now_s: float, what: str, *, is_done: bool, figures: AllocatorFigures | None
    ) -> list[Effect]:
        """The worker has carried out an `Order`, or says that it cannot."""
        mind = self._mind
        mind.orders.done(now_s, what, is_done=is_done)
        if figures is not None:
            mind.worker.measured(figures)
        if what == "trim":
            if is_done:
                mind.gains.done("trim", now_s)
            else:
                mind.gains.forget("trim")
        return self._settle(now_s)

    def on_cpu(self, now_s: float, state: CpuState) -> list[Effect]:
        """How the CPU engine is."""
        self._mind.note_cpu(state)
        return self._settle(now_s)

    def on_detector(self, now_s: float, seat: Seat, reason: str, *, is_fault: bool) -> list[Effect]:
        """Where the detector computes now: moved as asked, or by itself after a fault."""
        self._mind.detector.moved(now_s, seat, reason, is_fault=is_fault)
        return self._settle(now_s)

    def reset(self, now_s: float) -> list[Effect]:
        """The user wishes to forget the past: bans, cool-downs and back-offs end."""
        self._mind.breaker.reset()
        self._mind.gate.reset()
        return self._settle(now_s)

    def suspend(self, now_s: float) -> list[Effect]:
        """The machine is about to sleep: what a worker holds would not survive it."""
        self._mind.suspend()
        return self._settle(now_s)

    def resumed(self, now_s: float) -> list[Effect]:
        """The machine has slept: nothing that was known of the card counts."""
        self._mind.resume(now_s)
        return self.reset(now_s)

    def admit(
        self, now_s: float, audio_s: float, *, deaths_on_gpu: int, is_counted: bool = True
    ) -> Route:
        """Where a request of `audio_s` seconds goes now.

        Args:
            now_s: the time.
            audio_s: its length.
            deaths_on_gpu: how many workers on the card it has killed.
            is_counted: whether a want of room degrades the service: not that of tentative text.
        """
        mind = self._mind
        if deaths_on_gpu >= DEATHS_UNTIL_SET_ASIDE:
            seat: Seat | None = "cpu" if mind.can_cpu else None
            return Route(seat, f"it has killed {deaths_on_gpu} workers on the card")
        snapshot = mind.fresh(now_s)
        if mind.seat != "gpu" or snapshot is None or not mind.is_serving(now_s):
            return Route(mind.fallback, why_not_gpu(mind, now_s))
        room_mib = mind.room_mib(snapshot)
        if mind.admission.predict_mib(audio_s) <= room_mib:
            return Route("gpu", "there is room")
        piece_s = mind.admission.max_seconds(room_mib)
        if piece_s >= LEAST_PIECE_S:
            return Route("gpu", f"there is room for {piece_s:.0f} s at once", piece_s)
        if is_counted:
            self._modes.sent_elsewhere(now_s)
        return Route(mind.fallback, "the card has no room for it")

    # What it says of itself.

    @property
    def need(self) -> Need:
        """How the card has to be read: at each second, now and then, or not at all."""
        mind = self._mind
        if mind.worker.is_there or mind.gains.is_pending:
            return "held"
        if mind.is_suspended:
            return "none"
        is_awaited = mind.is_wanted and mind.is_active and not mind.breaker.is_banned
        return "awaited" if is_awaited else "none"

    @property
    def is_near(self) -> bool:
        """Whether the card should be read more often, while it is held."""
        return self._mind.gains.is_polling or self._mind.readings.is_near

    @property
    def needs_cpu(self) -> bool:
        """Whether the CPU engine has to serve now, or may have to at once."""
        mind = self._mind
        if not mind.is_active or mind.fallback != "cpu":
            return False
        is_tight = mind.level >= Level.CRITICAL or self._modes.is_elsewhere(self._now_s)
        return mind.seat == "cpu" or is_tight

    @property
    def is_idle(self) -> bool:
        """The idle time is over: spare workers may end."""
        end_s = self._mind.idle_end_s
        return end_s is not None and self._now_s >= end_s

    @property
    def level(self) -> Level:
        """How full the card is, as far as is known."""
        return self._mind.level

    @property
    def asr_seat(self) -> Seat | None:
        """Where requests go; None: nowhere, they wait."""
        return self._mind.seat

    @property
    def cpu(self) -> CpuState:
        """How the engine on the processor is, as far as it has been told."""
        return self._mind.cpu

    @property
    def is_lost(self) -> bool:
        """Whether no worker will come onto the card without somebody's help."""
        return self._mind.breaker.is_banned or self._mind.readings.is_out_of_reach

    @property
    def lost_reason(self) -> str:
        """Why no worker will come onto the card without somebody's help; "" where one may."""
        return self.mode_reason if self.is_lost else ""

    @property
    def mode(self) -> Mode:
        """How it serves with less than the card; "": as it should."""
        return self._modes.mode

    @property
    def mode_reason(self) -> str:
        return self._modes.reason

    @property
    def next_tick_s(self) -> float | None:
        """When `tick` must be called at the latest; None: only when something happens."""
        mind, now_s = self._mind, self._now_s
        worker = mind.worker
        times = [
            mind.idle_end_s,
            mind.orders.next_s(now_s),
            mind.trust.next_s(now_s),
            mind.detector.next_s(now_s),
            mind.gains.next_s(now_s),
            self._modes.next_s(now_s),
        ]
        if worker.is_there:
            times += [
                mind.readings.read_s + FRESH_S + 0.01,
                blind_since_s(mind) + BLIND_S,
            ]
        if worker.phase == "stopping":
            times.append(worker.since_s + ANSWER_S)
        return min((at_s for at_s in times if at_s is not None and at_s > now_s), default=None)

    def status(self, now_s: float) -> VramStatus:
        """All of it, for `status --json`."""
        return self._reporter.status(self._mind, self._modes, self.need, now_s)

    # What follows.

    def _settle(self, now_s: float, changed: Effect | None = None) -> list[Effect]:
        """Everything that is due: places first, so that what a stop leaves has where to go."""
        self._now_s = now_s = max(now_s, self._now_s)
        mind = self._mind
        gained = mind.gains.look(now_s, mind.readings.usable)
        effects = [effect for effect in (changed, gained) if effect]
        stop = self._stop(now_s)
        effects += self._places(now_s)
        if stop:
            effects.append(stop)
        effects += work_due(mind, now_s)
        self._modes.settle(mind, now_s)
        if effects:
            self._reporter.take(now_s, effects, mind.level)
        return effects

    def _stop(self, now_s: float) -> StopGpu | None:
        mind = self._mind
        worker = mind.worker
        if worker.phase == "stopping" and now_s - worker.since_s >= ANSWER_S:
            worker.enter("stopping", now_s)
            return StopGpu("it has not ended yet")
        stop = stop_due(mind, now_s)
        if stop is None:
            return None
        mind.begin_stop(now_s, stop)
        return StopGpu(stop.reason)

    def _places(self, now_s: float) -> list[Effect]:
        mind = self._mind
        effects: list[Effect] = []
        is_serving = mind.is_serving(now_s)
        seat = self._seat(is_serving=is_serving)
        if seat != mind.seat:
            reason = "the worker on the card serves" if seat == "gpu" else why_not_gpu(mind, now_s)
            mind.place(seat)
            effects.append(PlaceAsr(seat, reason))
        move = mind.detector.settle(
            now_s,
            is_serving=is_serving and seat == "gpu",
            is_listening=mind.is_listening,
            level=mind.level,
        )
        if move:
            effects.append(move)
        return effects

    def _seat(self, *, is_serving: bool) -> Seat | None:
        """Away from the card at once; back to it at an utterance's edge.

        In the middle of an utterance its first words are another engine's: joining them may cost
        a word. Where nobody transcribes, or only far behind, waiting costs more.
        """
        mind = self._mind
        if not is_serving:
            return mind.fallback
        is_edge = not mind.is_busy or mind.backlog_s > _SEAM_BACKLOG_S
        is_answered = mind.can_cpu and mind.cpu == "ready"
        return "gpu" if mind.seat in ("gpu", None) or is_edge or not is_answered else mind.seat
