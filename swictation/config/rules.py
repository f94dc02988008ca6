"""What must hold between settings; an error says which rule is broken."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import msgspec

from swictation.config.settings import Settings

Key = tuple[str, ...]
"""Where a value stands: ("vad", "hang_over_s")."""

_ROUNDING = 1e-9
_GAP = ("vram", "gap")


@dataclass(frozen=True)
class Rule:
    """What must hold within a setting, or between some of them."""

    keys: tuple[Key, ...]
    text: str
    holds: Callable[[Settings], bool]
    constants: tuple[Key, ...] = ()
    """Keys it depends on that are no longer settings: named if the file still has them."""


class EngineTable(Protocol):
    """What an engine adds to the configuration: a table of its own, under its name."""

    @property
    def settings(self) -> type[msgspec.Struct]:
        """The table's keys, each with a default."""
        ...

    @property
    def rules(self) -> tuple[Rule, ...]:
        """What must hold in it. Checked only if the file has the table."""
        ...


def _rises(numbers: Sequence[float]) -> bool:
    return all(low < high for low, high in pairwise(numbers))


def _thresholds_rise(settings: Settings) -> bool:
    return _rises((0.0, *settings.vram.thresholds, 1.0))


def _gaps_fit(settings: Settings) -> bool:
    """Where a level ends, the next lower one has begun; the lowest ends above an empty GPU."""
    begins = settings.vram.thresholds
    ends = [begin - settings.vram.gap for begin in begins]
    return ends[0] > _ROUNDING and all(
        end >= lower - _ROUNDING for lower, end in zip(begins, ends[1:], strict=False)
    )


def _ceilings_fit(settings: Settings) -> bool:
    """As `_gaps_fit`, by the ceilings: a gap grows with its share (`gpu.policy.levels.Limits`)."""
    vram = settings.vram
    if not (_thresholds_rise(settings) and _gaps_fit(settings)):
        return True  # another rule reports it
    free = [1.0 - fraction for fraction in vram.thresholds]
    ends = [at * (f + vram.gap) / f for at, f in zip(vram.ceiling_mib, free, strict=True)]
    return all(
        end <= above + _ROUNDING for above, end in zip(vram.ceiling_mib, ends[1:], strict=False)
    )


RULES: tuple[Rule, ...] = (
    Rule(
        (("vram", "thresholds"),),
        "thresholds must rise and lie between 0 and 1",
        _thresholds_rise,
    ),
    Rule(
        (("vram", "thresholds"),),
        "a level ends 0.05 below where it begins, which must not be below where the next lower one "
        "begins, nor at an empty GPU: set the thresholds farther apart",
        lambda s: not _thresholds_rise(s) or _gaps_fit(s),
        (_GAP,),
    ),
    Rule(
        (("vram", "thresholds"),),
        "the last must be <= 0.95, or the levels of a big GPU would overlap",
        _ceilings_fit,
        (_GAP, ("vram", "ceiling_mib")),
    ),
)
