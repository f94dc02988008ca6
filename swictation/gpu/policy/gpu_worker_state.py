"""What is known about the worker on the GPU: its phase, its model, its memory. Pure."""

from typing import Literal

from swictation.config.settings import VramSettings
from swictation.gpu.policy.admission import needed_mib
from swictation.gpu.policy.cache import collectable_mib
from swictation.gpu.policy.levels import Limits
from swictation.types import AllocatorFigures, Tier, VramSnapshot

Phase = Literal["absent", "loading", "ready", "stopping"]

_SHOWN_S = 1.5
"""After this time the driver shows what was allocated."""
_FRAGMENTED = 0.25
_FRAGMENTED_FROM_MIB = 64.0
_RETRIES = 2
RECYCLE_PAUSE_S = 600.0


class GpuWorkerState:
    """The present worker, if there is one, and what was learnt from earlier ones."""

    def __init__(self, settings: VramSettings, tiers: tuple[Tier, ...]) -> None:
        self._settings = settings
        self.phase: Phase = "absent"
        self.since_s = 0.0
        """When the phase began."""
        self.begun_s = 0.0
        """When the worker was requested."""
        self.ready_s = 0.0
        self.tiers = tiers
        self.tier = 0
        self.figures: AllocatorFigures | None = None
        self.context_mib = float(settings.context_mib)
        self._is_context_seen = False
        self._retries = 0
        self._recycled_s = float("-inf")

    @property
    def is_there(self) -> bool:
        return self.phase != "absent"

    def enter(self, phase: Phase, now_s: float) -> None:
        """The worker enters another phase."""
        if not self.is_there:
            self.begun_s = now_s
        self.phase, self.since_s = phase, now_s
        if phase != "ready":
            self.figures = None

    def expect(self, tiers: tuple[Tier, ...]) -> None:
        """Take the ways to load the next worker's model, as far as known."""
        self.tiers = tiers

    def ask(self, now_s: float, tier: int) -> None:
        """A worker is requested, to load that tier."""
        self.tier = tier
        self.enter("loading", now_s)

    def measured(self, figures: AllocatorFigures | None) -> None:
        """Take what the worker's allocator holds now."""
        self.figures = figures

    def ready(
        self, now_s: float, tiers: tuple[Tier, ...], tier: int, figures: AllocatorFigures | None
    ) -> None:
        """The worker has loaded its model."""
        self.enter("ready", now_s)
        self.ready_s = now_s
        self.tiers, self.tier = tiers or self.tiers, tier
        self.figures = figures
        self._is_context_seen = False
        self._retries = figures.retries if figures else 0

    def resident_mib(self, tier: int) -> float:
        """What a tier's weights and buffers take: as reported, or else as in the settings."""
        if tier < len(self.tiers):
            return self.tiers[tier].resident_mib
        return float(self._settings.model_mib)

    @property
    def footprint_mib(self) -> float:
        """What ending the worker would free."""
        resident_mib = self.resident_mib(self.tier)
        held_mib = max(resident_mib, self.figures.reserved_mib) if self.figures else resident_mib
        return self.context_mib + held_mib

    def best_fit(self, free_mib: float, work_mib: float, limits: Limits) -> int | None:
        """The best tier that fits without making the GPU CRITICAL at once."""

        def needed(tier: int) -> float:
            resident_mib = self.resident_mib(tier)
            return needed_mib(resident_mib, work_mib, self._settings, limits, self.context_mib)

        tiers = range(max(1, len(self.tiers)))
        return next((tier for tier in tiers if needed(tier) <= free_mib), None)

    def is_room_gone(self, snapshot: VramSnapshot) -> bool:
        """Whether the model being loaded no longer fits, because others took the memory."""
        if self.phase != "loading" or snapshot.ours_mib is None or not snapshot.is_ours_fresh:
            return False
        missing_mib = self.context_mib + self.resident_mib(self.tier) - snapshot.ours_mib
        return missing_mib > snapshot.free_mib

    def learn_context(self, snapshot: VramSnapshot) -> None:
        """Measure the worker's context, once, when the driver shows it and no work is done."""
        if self._is_context_seen or self.figures is None or snapshot.ours_mib is None:
            return
        if not snapshot.is_ours_fresh:
            return
        if self.phase != "ready" or snapshot.at_s - self.ready_s < _SHOWN_S:
            return
        self._is_context_seen = True
        context_mib = snapshot.ours_mib - self.figures.reserved_mib
        if context_mib > 0.0:
            self.context_mib = context_mib

    def room_mib(self, free_mib: float, limits: Limits) -> float:
        """What work may take: free and cached memory, less what keeps EMERGENCY away."""
        cached_mib = collectable_mib(self.figures) if self.figures else 0.0
        return free_mib + cached_mib - limits.enter_below_mib[2]

    def why_recycle(self, now_s: float) -> str:
        """Why the worker should be recycled at a quiet moment; "": it need not."""
        if self.figures is None or now_s - self._recycled_s < RECYCLE_PAUSE_S:
            return ""
        reserved_mib = self.figures.reserved_mib
        part = self.figures.inactive_split_mib / reserved_mib if reserved_mib else 0.0
        if reserved_mib > _FRAGMENTED_FROM_MIB and part > _FRAGMENTED:
            return f"{part:.0%} of its memory is in fragments"
        if self.figures.retries - self._retries >= _RETRIES:
            return "its allocator keeps running short"
        return ""

    def recycled(self, now_s: float) -> None:
        """The worker is being replaced."""
        self._recycled_s = now_s
