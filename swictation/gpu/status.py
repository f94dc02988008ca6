"""The GPU in `swictation status --json`, under `vram`. Imports nothing of what decides."""

from typing import Literal

import msgspec

from swictation.types import Placement

Need = Literal["held", "awaited", "none"]
"""A worker holds the GPU; one is wanted, but absent; no reading is needed."""

Mode = Literal["", "cpu-engine", "vad-only"]
CpuState = Literal["none", "loading", "ready", "failed"]
"""The state of the CPU engine."""

BreakerState = Literal["closed", "open", "half-open", "dead"]


class DetectorPlace(msgspec.Struct, frozen=True):
    """Where the speech detector should compute, and where it does."""

    wanted: Placement
    effective: Placement
    reason: str


class BreakerStatus(msgspec.Struct, frozen=True):
    """Whether the worker on the GPU is trusted."""

    state: BreakerState
    generation: int
    failures: int
    why: str
    is_banned: bool = False
    """Too many workers died: none is started until the user resets it."""


class Action(msgspec.Struct, frozen=True):
    """An action on the GPU's memory."""

    ago_s: float
    what: str
    reason: str
    level: str
    freed_mib: float | None = None
    """As the driver showed it; None: nothing was to be freed, or it does not show yet."""


class VramStatus(msgspec.Struct, frozen=True):
    """The GPU as the manager sees it; None: not known."""

    total_mib: float | None
    free_mib: float | None
    ours_mib: float | None
    others_mib: float | None
    trouble: str
    """Why there is no usable reading; "" if there is one."""
    level: str
    since_s: float
    """How long the GPU has been at that level."""
    thresholds_mib: tuple[float, float, float] | None
    """MiB in use at which WARNING, CRITICAL and EMERGENCY begin on this GPU."""
    predicted_peak_mib: float
    """What an utterance of 10 s is expected to take."""
    worker: str
    tier: str
    vad_placement: DetectorPlace
    asr_placement: Placement | None
    mode: Mode
    mode_reason: str
    breaker: BreakerStatus
    actions: tuple[Action, ...]
    """The last actions, the newest last."""
    need: Need = "none"
    """How the GPU is read: continually, now and then, or not at all while nobody dictates."""
    read_ago_s: float | None = None
    """The age of these figures; None: never read."""


def steady(vram: VramStatus) -> VramStatus:
    """Return the status without the figures that change all the time."""
    return msgspec.structs.replace(
        vram,
        **dict.fromkeys(("total_mib", "free_mib", "ours_mib", "others_mib", "thresholds_mib")),
        **dict.fromkeys(("trouble", "mode_reason"), ""),
        **dict.fromkeys(("since_s", "predicted_peak_mib"), 0.0),
        actions=(),
        read_ago_s=None,
    )
