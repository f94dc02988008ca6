"""All that the memory manager knows, and what follows from it at once. Pure."""

from typing import Literal

from swictation.config.settings import Settings
from swictation.types import Seat, Tier, VramSnapshot
from swictation.vram.admission import Admission
from swictation.vram.breaker import Breaker
from swictation.vram.card_worker import CardWorker
from swictation.vram.detector import DetectorSeat
from swictation.vram.gains import Gains
from swictation.vram.orders import Orders
from swictation.vram.policy import Level
from swictation.vram.readings import Readings
from swictation.vram.reload import ReloadGate
from swictation.vram.trust import Trust

CpuState = Literal["none", "loading", "ready", "failed"]

RELOAD_AUDIO_S = 10.0
"""A worker is loaded only if so long an utterance would fit as well."""
QUIET_S = 10.0
"""Seconds without an utterance before a worker may be replaced without need."""


class Mind:
    """The parts of the manager, and what the user does."""

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
        self.worker = CardWorker(settings.vram, tiers)
        self.gate = ReloadGate(settings.vram)
        self.gains = Gains()
        self.orders = Orders()
        self.trust = Trust(breaker)
        self.detector = DetectorSeat(settings.vad)
        self.is_suspended = False
        """The machine is about to sleep, or does: the card is not to be held."""
        self.is_listening = False
        self.is_busy = False
        self.backlog_s = 0.0
        self.idle_since_s = 0.0
        """When dictation was last on, or anything was left to do."""
        self.quiet_since_s = 0.0
        """When the last utterance was answered."""
        self.cpu: CpuState = "none"
        self.tier_goal: int | None = None
        """The worker has made room for this tier, which may be loaded at any level."""
        self.stop_reason = ""
        """Why the last worker had to end."""
        self.is_lowered = False
        """A tier was given up since the card became CRITICAL: once is enough."""
        self.seat: Seat | None = self.fallback

    @property
    def breaker(self) -> Breaker:
        return self.trust.breaker

    @property
    def level(self) -> Level:
        return self.readings.level

    @property
    def is_active(self) -> bool:
        """Whether anybody dictates, or waits for what was dictated."""
        return self.is_listening or self.is_busy or self.backlog_s > 0.0

    def is_quiet(self, now_s: float) -> bool:
        """Whether a worker may be replaced: nobody is in the middle of a word, or soon again."""
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
        """When the idle time is over; None: nothing is idle."""
        return None if self.is_active else self.idle_since_s + self.idle_ttl_s

    def is_serving(self, now_s: float) -> bool:
        """Whether a worker on the card is there, believed, and may work."""
        return (
            self.worker.phase == "ready"
            and self.trust.is_trusted(now_s)
            and self.level < Level.EMERGENCY
            and self.readings.is_trusted(now_s)
        )

    @property
    def can_cpu(self) -> bool:
        return bool(self.settings.asr.cpu_engine) and self.cpu != "failed"

    @property
    def fallback(self) -> Seat | None:
        """Where requests go while the card does not serve."""
        if not self.is_wanted or not self.can_cpu:
            return "cpu" if self.can_cpu or not self.is_wanted else None
        if self.trust.breaker.is_banned(0.0):
            return "cpu"  # a wait would never end
        return "cpu" if self.settings.vram.on_critical == "cpu-engine" else None

    @property
    def work_mib(self) -> float:
        """What must be free beside the model."""
        return self.admission.predict_mib(RELOAD_AUDIO_S)

    def fresh(self, now_s: float) -> VramSnapshot | None:
        """The last reading, if it can be judged by."""
        return self.readings.usable if self.readings.is_fresh(now_s) else None

    def room_mib(self, snapshot: VramSnapshot) -> float:
        """What a unit of work may take now."""
        return self.worker.room_mib(snapshot.free_mib, self.readings.limits)
