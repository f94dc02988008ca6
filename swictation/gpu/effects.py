"""What the memory manager asks for; the daemon and the simulation carry it out."""

from typing import Literal

import msgspec

from swictation.types import Placement, Tier, to_samples

OrderName = Literal["trim", "greedy", "beam", "half-buffer", "full-buffer"]


class MemoryForecast(msgspec.Struct, frozen=True):
    """What is known of a model's memory before it is loaded: told to the manager."""

    tiers: tuple[Tier, ...]
    """The ways to load it, the best first."""
    step_mib: float
    """The peak of a unit of work beside what is resident, and ..."""
    step_mib_per_s: float
    """... what each second of its sound adds."""


class LoadGpu(msgspec.Struct, frozen=True):
    """Start the GPU worker, its model loaded as tier number `tier`."""

    tier: int
    reason: str


class StopGpu(msgspec.Struct, frozen=True):
    """End the GPU worker: its context is given back. What it did not answer is asked elsewhere."""

    reason: str


class Order(msgspec.Struct, frozen=True):
    """Tell the GPU worker something beside its work; its engine may not know how."""

    what: OrderName


class Validate(msgspec.Struct, frozen=True):
    """Let the GPU worker transcribe a short known sound: its answer is never typed."""


class PlaceDetector(msgspec.Struct, frozen=True):
    """Move the speech detector, at a frame's edge."""

    placement: Placement
    reason: str


class PlaceAsr(msgspec.Struct, frozen=True):
    """Requests go there from now on; `None`: nowhere, the sound is kept until they can."""

    placement: Placement | None
    reason: str


class Route(msgspec.Struct, frozen=True, gc=False):
    """Where one request goes now."""

    placement: Placement | None
    """None: nowhere yet. Its sound is kept, and it is asked again when something has changed."""
    reason: str = ""
    piece_s: float = 0.0
    """On the GPU: in pieces of at most so many seconds, where memory is short; 0: whole."""

    @property
    def piece_samples(self) -> int:
        """The same in samples."""
        return to_samples(self.piece_s)


class MemoryFreed(msgspec.Struct, frozen=True):
    """What an action freed, as the device says; or what it did not."""

    action: str
    estimate_mib: float
    freed_mib: float
    took_s: float


class LevelChanged(msgspec.Struct, frozen=True):
    """The GPU is fuller, or emptier, than before."""

    level: str
    was: str
    used_fraction: float


Effect = (
    LoadGpu | StopGpu | Order | Validate | PlaceDetector | PlaceAsr | MemoryFreed | LevelChanged
)


def summary(effect: Effect) -> tuple[str, str]:
    """What an effect does, and why, for a person."""
    match effect:
        case LoadGpu():
            return "load", effect.reason
        case StopGpu():
            return "stop", effect.reason
        case Order():
            return effect.what, ""
        case Validate():
            return "validate", ""
        case PlaceDetector():
            return f"detector to the {effect.placement.upper()}", effect.reason
        case PlaceAsr():
            where = f"to the {effect.placement.upper()}" if effect.placement else "wait"
            return f"requests {where}", effect.reason
        case MemoryFreed():
            return "gained", f"{effect.action}: {effect.freed_mib:.0f} MiB in {effect.took_s:.1f} s"
        case LevelChanged():
            return "level", f"{effect.was} -> {effect.level}, {effect.used_fraction:.1%} used"
