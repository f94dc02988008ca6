"""The AdaptiveMemoryManager decides about the GPU: readings and events in, effects out. Pure.

It has no thread and no clock: its inputs bring the time, and `next_tick_s` says when to call it
again. Each input returns the effects that are due now; the daemon and the simulation carry them
out and report the results. A stop, a command or a move that is not confirmed is requested again,
after a pause, as long as its condition holds. A load either succeeds or fails.
"""

from swictation.config.settings import Settings
from swictation.gpu.effects import Effect, MemoryForecast, PlaceAsr, Route, StopGpu
from swictation.gpu.manager.decisions import (
    ANSWER_S,
    BLIND_S,
    blind_since_s,
    stop_due,
    work_due,
)
from swictation.gpu.manager.modes import Mode, ServiceMode, gpu_unavailable_reason
from swictation.gpu.manager.report import Reporter
from swictation.gpu.manager.state import ManagerState
from swictation.gpu.policy.admission import Admission
from swictation.gpu.policy.breaker import Breaker
from swictation.gpu.policy.levels import Level
from swictation.gpu.policy.readings import FRESH_S
from swictation.gpu.status import CpuState, Need, VramStatus
from swictation.types import (
    DEATHS_UNTIL_QUARANTINE,
    AllocatorFigures,
    FailureKind,
    Placement,
    Tier,
    VramSnapshot,
)

LEAST_PIECE_S = 4.0
"""Shorter pieces lose more at their seams than the GPU's speed wins."""

_SEAM_BACKLOG_S = 10.0
"""With a longer backlog, requests return to the GPU without waiting for an utterance's end."""


class AdaptiveMemoryManager:
    """Decides which work is done on the GPU, and when its worker comes and goes.

    Args:
        settings: the whole configuration.
        breaker: whether the worker is trusted; only the manager reports to it.
        admission: predicts what a unit of work takes.
        is_wanted: there is an engine for a GPU; if not yet, call `want` later.
        tiers: the ways to load its model, if they are known before it is loaded.

    Until the first `PlaceAsr`, requests go to `asr_placement`; the detector begins on the CPU.
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
        self._state = ManagerState(settings, breaker, admission, tiers, is_wanted=is_wanted)
        self._modes = ServiceMode()
        self._reporter = Reporter()
        self._now_s = 0.0

    # Inputs. Each returns the effects that are due now.

    def want(
        self, now_s: float, forecast: MemoryForecast | None = None, *, replaces: bool = False
    ) -> list[Effect]:
        """There is an engine for the GPU now; its model may just have been fetched.

        `replaces`: the engine is not the one before, whose worker has to end.
        """
        self._state.want(forecast, replaces=replaces)
        return self._settle(now_s)

    def on_snapshot(self, snapshot: VramSnapshot) -> list[Effect]:
        """Take a reading of the GPU, usable or not. One older than the last changes nothing."""
        changed = self._state.take(snapshot)
        return self._settle(snapshot.at_s, changed)

    def tick(self, now_s: float) -> list[Effect]:
        """Time has passed."""
        return self._settle(now_s)

    def on_activity(
        self, now_s: float, *, is_listening: bool, is_busy: bool, backlog_s: float
    ) -> list[Effect]:
        """Take what the user does. `is_busy`: an utterance is open or unanswered."""
        self._state.note_activity(
            now_s, is_listening=is_listening, is_busy=is_busy, backlog_s=backlog_s
        )
        return self._settle(now_s)

    def on_gpu_ready(
        self, now_s: float, tiers: tuple[Tier, ...], tier: int, figures: AllocatorFigures | None
    ) -> list[Effect]:
        """The worker's model is loaded."""
        if self._state.worker.phase != "stopping":  # it became ready before it saw the stop
            self._state.worker_ready(now_s, tiers, tier, figures)
        return self._settle(now_s)

    def on_gpu_gone(self, now_s: float, kind: FailureKind | None, reason: str) -> list[Effect]:
        """The worker's process has ended; `kind` None: as requested."""
        if kind is not None:
            self._reporter.note(now_s, "gone", reason, self._state.level)
        self._state.worker_gone(now_s, kind, reason)
        return self._settle(now_s)

    def on_gpu_failed(self, now_s: float, kind: FailureKind) -> list[Effect]:
        """A unit of work failed and the worker lives: an OOM. Any other failure ends it."""
        self._state.trust.failed(kind, now_s)
        self._reporter.note(now_s, "failed", kind, self._state.level)
        return self._settle(now_s)

    def on_gpu_answer(
        self, now_s: float, audio_s: float, figures: AllocatorFigures | None
    ) -> list[Effect]:
        """The worker answered a user's request."""
        state = self._state
        before = state.worker.figures
        # After an OOM it was decoded in halves, whose peak says nothing about the whole.
        was_whole = before is None or (figures is not None and figures.ooms == before.ooms)
        if figures is not None and was_whole:
            state.admission.observe(audio_s, max(0.0, figures.peak_mib - figures.allocated_mib))
        state.worker.measured(figures)
        state.trust.succeeded(now_s)
        return self._settle(now_s)

    def on_validated(self, now_s: float, *, is_good: bool) -> list[Effect]:
        """The known sound was answered, correctly or not. A failure comes by `on_gpu_failed`."""
        self._state.trust.validated(now_s, is_good=is_good)
        return self._settle(now_s)

    def on_order_done(
        self, now_s: float, what: str, *, is_done: bool, figures: AllocatorFigures | None
    ) -> list[Effect]:
        """The worker has carried out an `Order`, or has refused it."""
        state = self._state
        state.orders.done(now_s, what, is_done=is_done)
        if figures is not None:
            state.worker.measured(figures)
        if what == "trim":
            if is_done:
                state.gains.done("trim", now_s)
            else:
                state.gains.forget("trim")
        return self._settle(now_s)

    def on_cpu(self, now_s: float, state: CpuState) -> list[Effect]:
        """Take the state of the CPU engine."""
        self._state.note_cpu(state)
        return self._settle(now_s)

    def on_detector(
        self, now_s: float, placement: Placement, reason: str, *, is_fault: bool
    ) -> list[Effect]:
        """Take where the detector computes now: moved as requested, or after a fault."""
        self._state.detector.moved(now_s, placement, reason, is_fault=is_fault)
        return self._settle(now_s)

    def reset(self, now_s: float) -> list[Effect]:
        """End all bans, cool-downs and back-offs, because the user asked for it."""
        self._state.breaker.reset()
        self._state.gate.reset()
        return self._settle(now_s)

    def suspend(self, now_s: float) -> list[Effect]:
        """The machine is about to sleep. A worker's GPU memory would not survive it."""
        self._state.suspend()
        return self._settle(now_s)

    def resumed(self, now_s: float) -> list[Effect]:
        """The machine has slept. What was known about the GPU is outdated."""
        self._state.resume(now_s)
        return self.reset(now_s)

    def admit(
        self, now_s: float, audio_s: float, *, deaths_on_gpu: int, is_counted: bool = True
    ) -> Route:
        """Decide where a request of `audio_s` seconds goes now.

        Args:
            now_s: the time.
            audio_s: the request's length.
            deaths_on_gpu: how many workers on the GPU it has killed.
            is_counted: whether lack of memory degrades the service; False for tentative text.
        """
        state = self._state
        if deaths_on_gpu >= DEATHS_UNTIL_QUARANTINE:
            placement: Placement | None = "cpu" if state.can_cpu else None
            return Route(placement, f"it has killed {deaths_on_gpu} workers on the GPU")
        snapshot = state.fresh(now_s)
        if state.placement != "gpu" or snapshot is None or not state.is_serving(now_s):
            return Route(state.fallback, gpu_unavailable_reason(state, now_s))
        room_mib = state.room_mib(snapshot)
        if state.admission.predict_mib(audio_s) <= room_mib:
            return Route("gpu", "there is room")
        piece_s = state.admission.max_seconds(room_mib)
        if piece_s >= LEAST_PIECE_S:
            return Route("gpu", f"there is room for {piece_s:.0f} s at once", piece_s)
        if is_counted:
            self._modes.sent_elsewhere(now_s)
        return Route(state.fallback, "the GPU has no room for it")

    # State.

    @property
    def need(self) -> Need:
        """How often the GPU has to be read: continually, now and then, or not at all."""
        state = self._state
        if state.worker.is_there or state.gains.is_pending:
            return "held"
        if state.is_suspended:
            return "none"
        is_awaited = state.is_wanted and state.is_active and not state.breaker.is_banned
        return "awaited" if is_awaited else "none"

    @property
    def is_near(self) -> bool:
        """Whether the GPU should be read more often while a worker holds it."""
        return self._state.gains.is_polling or self._state.readings.is_near

    @property
    def needs_cpu(self) -> bool:
        """Whether the CPU engine has to serve now, or may have to at any moment."""
        state = self._state
        if not state.is_active or state.fallback != "cpu":
            return False
        is_tight = state.level >= Level.CRITICAL or self._modes.is_elsewhere(self._now_s)
        return state.placement == "cpu" or is_tight

    @property
    def is_idle(self) -> bool:
        """Whether the idle time is over, so that the CPU standby may end."""
        end_s = self._state.idle_end_s
        return end_s is not None and self._now_s >= end_s

    @property
    def level(self) -> Level:
        """How full the GPU is, as far as known."""
        return self._state.level

    @property
    def asr_placement(self) -> Placement | None:
        """Where requests go. None: nowhere; they wait."""
        return self._state.placement

    @property
    def cpu(self) -> CpuState:
        """The state of the CPU engine, as last reported."""
        return self._state.cpu

    @property
    def is_lost(self) -> bool:
        """Whether no worker will start on the GPU without the user's help."""
        return self._state.breaker.is_banned or self._state.readings.is_out_of_reach

    @property
    def lost_reason(self) -> str:
        """Why no worker will start on the GPU without the user's help; "" if one may."""
        return self.mode_reason if self.is_lost else ""

    @property
    def mode(self) -> Mode:
        """How the daemon serves without the GPU; "": it serves as configured."""
        return self._modes.mode

    @property
    def mode_reason(self) -> str:
        return self._modes.reason

    @property
    def next_tick_s(self) -> float | None:
        """The latest time to call `tick`; None: only when something happens."""
        state, now_s = self._state, self._now_s
        worker = state.worker
        times = [
            state.idle_end_s,
            state.orders.next_s(now_s),
            state.trust.next_s(now_s),
            state.detector.next_s(now_s),
            state.gains.next_s(now_s),
            self._modes.next_s(now_s),
        ]
        if worker.is_there:
            times += [
                state.readings.read_s + FRESH_S + 0.01,
                blind_since_s(state) + BLIND_S,
            ]
        if worker.phase == "stopping":
            times.append(worker.since_s + ANSWER_S)
        return min((at_s for at_s in times if at_s is not None and at_s > now_s), default=None)

    def status(self, now_s: float) -> VramStatus:
        """The whole state, for `status --json`."""
        return self._reporter.status(self._state, self._modes, self.need, now_s)

    # Decisions.

    def _settle(self, now_s: float, changed: Effect | None = None) -> list[Effect]:
        """Collect what is due: placements first, so that a stopped worker's requests can move."""
        self._now_s = now_s = max(now_s, self._now_s)
        state = self._state
        freed = state.gains.look(now_s, state.readings.usable)
        effects = [effect for effect in (changed, freed) if effect]
        stop = self._stop(now_s)
        effects += self._moves(now_s)
        if stop:
            effects.append(stop)
        effects += work_due(state, now_s)
        self._modes.settle(state, now_s)
        if effects:
            self._reporter.take(now_s, effects, state.level)
        return effects

    def _stop(self, now_s: float) -> StopGpu | None:
        state = self._state
        worker = state.worker
        if worker.phase == "stopping" and now_s - worker.since_s >= ANSWER_S:
            worker.enter("stopping", now_s)
            return StopGpu("it has not ended yet")
        stop = stop_due(state, now_s)
        if stop is None:
            return None
        state.begin_stop(now_s, stop)
        return StopGpu(stop.reason)

    def _moves(self, now_s: float) -> list[Effect]:
        state = self._state
        effects: list[Effect] = []
        is_serving = state.is_serving(now_s)
        placement = self._placement(is_serving=is_serving)
        if placement != state.placement:
            reason = (
                "the worker on the GPU serves"
                if placement == "gpu"
                else gpu_unavailable_reason(state, now_s)
            )
            state.place(placement)
            effects.append(PlaceAsr(placement, reason))
        move = state.detector.settle(
            now_s,
            is_serving=is_serving and placement == "gpu",
            is_listening=state.is_listening,
            level=state.level,
        )
        if move:
            effects.append(move)
        return effects

    def _placement(self, *, is_serving: bool) -> Placement | None:
        """Leave the GPU at once; return to it between utterances.

        In the middle of an utterance the first words come from another engine, and joining them
        may cost a word. Where nothing transcribes, or only far behind, waiting costs more.
        """
        state = self._state
        if not is_serving:
            return state.fallback
        is_edge = not state.is_busy or state.backlog_s > _SEAM_BACKLOG_S
        is_answered = state.can_cpu and state.cpu == "ready"
        return (
            "gpu"
            if state.placement in ("gpu", None) or is_edge or not is_answered
            else state.placement
        )
