"""What the memory manager asks for. The daemon and the simulation carry it out."""

from typing import Literal

import msgspec

from swictation.types import Placement, Tier, to_samples

OrderName = Literal["trim", "greedy", "beam", "half-buffer", "full-buffer"]


class MemoryForecast(msgspec.Struct, frozen=True):
    """The GPU memory that a model and its work will take, computed before it is loaded."""

    tiers: tuple[Tier, ...]
    """The ways to load it, the best first."""
    step_mib: float
    """The peak of a unit of work, on top of the loaded model."""
    step_mib_per_s: float
    """What each second of sound adds to that peak."""


class LoadGpu(msgspec.Struct, frozen=True):
    """Start the GPU worker and load its model as tier number `tier`."""

    tier: int
    reason: str


class StopGpu(msgspec.Struct, frozen=True):
    """End the GPU worker, which frees its context. Its unanswered requests go elsewhere."""

    reason: str


class Order(msgspec.Struct, frozen=True):
    """A command for the GPU worker. Its engine may not support it."""

    what: OrderName


class Validate(msgspec.Struct, frozen=True):
    """Let the GPU worker transcribe a short known sound. The answer is never typed."""


class PlaceDetector(msgspec.Struct, frozen=True):
    """Move the speech detector between two frames."""

    placement: Placement
    reason: str


class PlaceAsr(msgspec.Struct, frozen=True):
    """Where requests go from now on. `None`: nowhere; the sound is kept until they can."""

    placement: Placement | None
    reason: str


class Route(msgspec.Struct, frozen=True, gc=False):
    """Where one request goes now."""

    placement: Placement | None
    """None: nowhere yet. The sound is kept, and we ask again when something has changed."""
    reason: str = ""
    piece_s: float = 0.0
    """On the GPU, where memory is short: the longest piece to decode at once. 0: no limit."""

    @property
    def piece_samples(self) -> int:
        """`piece_s` in samples."""
        return to_samples(self.piece_s)


class MemoryFreed(msgspec.Struct, frozen=True):
    """How much memory an action freed, according to the driver, and how much was expected."""

    action: str
    estimate_mib: float
    freed_mib: float
    took_s: float


class LevelChanged(msgspec.Struct, frozen=True):
    """The GPU's level has changed."""

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
