"""Everything that the memory manager knows, and what follows directly. Pure."""

from typing import Literal

import msgspec

from swictation.config.settings import Settings
from swictation.gpu.effects import LevelChanged, MemoryForecast
from swictation.gpu.manager.reload import ReloadGate
from swictation.gpu.policy.admission import Admission
from swictation.gpu.policy.breaker import Breaker
from swictation.gpu.policy.gpu_worker_state import GpuWorkerState
from swictation.gpu.policy.levels import Level
from swictation.gpu.policy.pending_frees import PendingFrees
from swictation.gpu.policy.readings import Readings
from swictation.gpu.policy.vad_placement import VadPlacement
from swictation.gpu.policy.validation import WorkerValidation
from swictation.gpu.policy.worker_commands import WorkerCommands
from swictation.gpu.status import CpuState
from swictation.types import AllocatorFigures, FailureKind, Placement, Tier, VramSnapshot

RELOAD_AUDIO_S = 10.0
"""A worker is loaded only if an utterance this long would fit as well."""
QUIET_S = 10.0
"""Seconds without an utterance before a worker may be replaced that need not be."""


Cause = Literal["pressure", "trouble", "idle", "tier", "recycle"]


class Stop(msgspec.Struct, frozen=True, gc=False):
    """A reason to end the worker."""

    cause: Cause
    reason: str
    tier: int | None = None
    """The tier to load instead."""


class ManagerState:
    """The manager's parts, and what the user does."""

    def __init__(
        self,
        settings: Settings,
        breaker: Breaker,
        admission: Admission,
        tiers: tuple[Tier, ...],
        *,
        is_wanted: bool,
    ) -> None:
        self.settings = settings
        self.is_wanted = is_wanted
        self.admission = admission
        self.readings = Readings(settings.vram)
        self.worker = GpuWorkerState(settings.vram, tiers)
        self.gate = ReloadGate(settings.vram)
        self.gains = PendingFrees()
        self.orders = WorkerCommands()
        self.trust = WorkerValidation(breaker)
        self.detector = VadPlacement(settings.vad)
        self.is_suspended = False
        """The machine is about to sleep, or sleeps: the GPU must not be held."""
        self.is_outdated = False
        """The present worker runs an engine that has been replaced."""
        self.is_listening = False
        self.is_busy = False
        self.backlog_s = 0.0
        self.idle_since_s = 0.0
        """When dictation was last on, or work was left."""
        self.quiet_since_s = 0.0
        """When the last utterance was answered."""
        self.cpu: CpuState = "none"
        self.tier_goal: int | None = None
        """The worker has made room for this tier, which may be loaded at any level."""
        self.stop_reason = ""
        """Why the last worker had to end."""
        self.is_lowered = False
        """A smaller tier was chosen since the GPU became CRITICAL: once is enough."""
        self.placement: Placement | None = self.fallback
        """Where requests go. This is the only copy; all others read it."""

    # Inputs.

    def want(self, forecast: MemoryForecast | None, *, replaces: bool) -> None:
        """There is an engine for the GPU. `replaces`: it is not the one before."""
        self.is_wanted = True
        self.is_outdated = self.is_outdated or (replaces and self.worker.is_there)
        if forecast:
            self.worker.expect(forecast.tiers)
            self.admission.expect(forecast.step_mib, forecast.step_mib_per_s)
        elif replaces or not self.worker.is_there:
            self.worker.expect(())

    def take(self, snapshot: VramSnapshot) -> LevelChanged | None:
        """Take a reading of the GPU. Returns the change of level, if there is one."""
        was = self.level
        says_level = self.readings.take(snapshot)
        if self.readings.is_asleep:
            self.gate.slept()
        if not says_level:
            return None
        self.worker.learn_context(snapshot)
        if self.level < Level.CRITICAL:
            self.is_lowered = False
        if self.level == was:
            return None
        return LevelChanged(self.level.name, was.name, snapshot.used_fraction)

    def note_activity(
        self, now_s: float, *, is_listening: bool, is_busy: bool, backlog_s: float
    ) -> None:
        """Take what the user does."""
        was_active, was_busy = self.is_active, self.is_busy
        self.is_listening, self.is_busy, self.backlog_s = is_listening, is_busy, backlog_s
        if was_active or self.is_active:
            self.idle_since_s = now_s
        if was_busy or is_busy:
            self.quiet_since_s = now_s

    def note_cpu(self, state: CpuState) -> None:
        """Take the state of the CPU engine."""
        self.cpu = state

    def suspend(self) -> None:
        """The machine is about to sleep."""
        self.is_suspended = True

    def resume(self, now_s: float) -> None:
        """The machine has slept: earlier readings no longer count."""
        self.is_suspended = False
        self.readings.forget(now_s)

    def place(self, placement: Placement | None) -> None:
        """Send requests to `placement` from now on."""
        self.placement = placement

    # The life of the worker on the GPU.

    def begin_load(self, now_s: float, tier: int) -> None:
        """A worker is requested; `worker_ready` or `worker_gone` follows."""
        self.worker.ask(now_s, tier)
        self.trust.begin()

    def worker_ready(
        self, now_s: float, tiers: tuple[Tier, ...], tier: int, figures: AllocatorFigures | None
    ) -> None:
        """The worker has loaded its model."""
        self.worker.ready(now_s, tiers, tier, figures)
        self.gate.ready(now_s)
        self.orders.begin()
        self.trust.begin()
        self.tier_goal = None

    def begin_stop(self, now_s: float, stop: Stop) -> None:
        """The worker is asked to end."""
        if stop.cause in ("pressure", "tier"):
            self.gate.evicted(now_s)
        self.tier_goal, self.stop_reason = stop.tier, stop.reason
        self.is_lowered = self.is_lowered or stop.tier is not None
        if stop.cause == "recycle":
            self.worker.recycled(now_s)
        last = self.readings.usable
        is_listed = last is not None and last.is_ours_fresh and self.readings.is_fresh(now_s)
        ours_mib = last.ours_mib if last and is_listed else None
        self.gains.expect("stop", self.worker.footprint_mib if ours_mib is None else ours_mib, last)
        self.worker.enter("stopping", now_s)
        self.trust.begin()

    def worker_gone(self, now_s: float, kind: FailureKind | None, reason: str) -> None:
        """The worker's process has ended; `kind` None: as requested."""
        if kind is not None:
            self.trust.failed(kind, now_s, reason if kind == "other" else "")
            self.gains.forget("stop")
            if self.worker.phase == "loading":
                self.gate.load_failed(now_s)
        self.worker.enter("absent", now_s)
        self.is_outdated = False
        self.trust.begin()
        self.gains.forget("trim")
        self.gains.done("stop", now_s)

    # What follows from that.

    @property
    def breaker(self) -> Breaker:
        return self.trust.breaker

    @property
    def level(self) -> Level:
        return self.readings.level

    @property
    def is_active(self) -> bool:
        """Whether the user dictates, or waits for text."""
        return self.is_listening or self.is_busy or self.backlog_s > 0.0

    def is_quiet(self, now_s: float) -> bool:
        """Whether a worker may be replaced: nobody speaks, or has just spoken."""
        return not self.is_busy and now_s - self.quiet_since_s >= QUIET_S

    @property
    def idle_ttl_s(self) -> float:
        """How long an idle worker may stay."""
        vram = self.settings.vram
        if self.level >= Level.CRITICAL:
            return 0.0
        warning_s = min(vram.idle_ttl_warning_s, vram.idle_ttl_s)
        return warning_s if self.level == Level.WARNING else vram.idle_ttl_s

    @property
    def idle_end_s(self) -> float | None:
        """When the idle time is over; None: not idle."""
        return None if self.is_active else self.idle_since_s + self.idle_ttl_s

    def is_serving(self, now_s: float) -> bool:
        """Whether a worker on the GPU is ready, trusted, and may work."""
        return (
            self.worker.phase == "ready"
            and self.trust.is_trusted
            and self.level < Level.EMERGENCY
            and self.readings.is_trusted(now_s)
        )

    @property
    def can_cpu(self) -> bool:
        return bool(self.settings.asr.cpu_engine) and self.cpu != "failed"

    @property
    def fallback(self) -> Placement | None:
        """Where requests go while the GPU does not serve."""
        if not self.is_wanted:
            return "cpu"
        # A ban lasts until the user resets it, so waiting would not end.
        takes_over = self.settings.vram.on_critical == "cpu-engine" or self.breaker.is_banned
        return "cpu" if self.can_cpu and takes_over else None

    @property
    def work_mib(self) -> float:
        """What must be free besides the model."""
        return self.admission.predict_mib(RELOAD_AUDIO_S)

    def fresh(self, now_s: float) -> VramSnapshot | None:
        """The last reading, if it is fresh and usable."""
        return self.readings.usable if self.readings.is_fresh(now_s) else None

    def room_mib(self, snapshot: VramSnapshot) -> float:
        """What a unit of work may take now."""
        return self.worker.room_mib(snapshot.free_mib, self.readings.limits)
