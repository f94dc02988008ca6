"""What a guard has seen."""

from typing import Literal

import msgspec

from swictation.types import AllocatorFigures, FailureKind

PointName = Literal["before-detection", "before-transfer", "after-inference", "before-answer"]


class PointCount(msgspec.Struct):
    """How often a point was passed, and how often the cache was given back there."""

    passed: int = 0
    collected: int = 0


class GuardReport(msgspec.Struct):
    """Of all units since the guard was made."""

    units: int = 0
    """That ended well."""
    refused: int = 0
    failures: dict[FailureKind, int] = {}
    latched: FailureKind | None = None
    """What made the device unusable for this process for ever, or None."""
    points: dict[PointName, PointCount] = {}
    figures: AllocatorFigures | None = None
    """As last read; None: unreadable, which is not the same as zero."""
    peak_mib: float | None = None
    """Most that was reserved at once during the last unit."""
    residual_mib: float | None = None
    """How much more the last unit left allocated than the first."""
    leak: str = ""
    """What is not given back, in words; "" while all is."""
