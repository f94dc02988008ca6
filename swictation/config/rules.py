"""What must hold between settings, told to whoever breaks it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import msgspec

from swictation.config.settings import Settings

Key = tuple[str, ...]
"""Where a value stands: ("vad", "hang_over_s")."""

_ROUNDING = 1e-9


@dataclass(frozen=True)
class Rule:
    """What must hold within a setting, or between some of them."""

    keys: tuple[Key, ...]
    text: str
    holds: Callable[[Settings], bool]


class EngineTable(Protocol):
    """What an engine adds to the configuration: a table of its own, under its name."""

    @property
    def settings(self) -> type[msgspec.Struct]:
        """The table's keys, each with a default."""
        ...

    @property
    def rules(self) -> tuple[Rule, ...]:
        """What must hold in it. Checked where the file has the table."""
        ...


def _rises(numbers: Sequence[float]) -> bool:
    return all(low < high for low, high in pairwise(numbers))


def _thresholds_rise(settings: Settings) -> bool:
    return _rises((0.0, *settings.vram.thresholds, 1.0))


def _gaps_fit(settings: Settings) -> bool:
    """Where a level ends, the next lower one has begun; the lowest ends above an empty card."""
    begins = settings.vram.thresholds
    ends = [begin - settings.vram.gap for begin in begins]
    return ends[0] > _ROUNDING and all(
        end >= lower - _ROUNDING for lower, end in zip(begins, ends[1:], strict=False)
    )


def _ceilings_fall(settings: Settings) -> bool:
    return _rises((0, *reversed(settings.vram.ceiling_mib)))


def _ceilings_fit(settings: Settings) -> bool:
    """The same where the ceilings decide: a gap grows with its share (`vram.policy.Limits`)."""
    vram = settings.vram
    if not (_thresholds_rise(settings) and _gaps_fit(settings) and _ceilings_fall(settings)):
        return True  # told by a rule of its own
    free = [1.0 - fraction for fraction in vram.thresholds]
    ends = [at * (f + vram.gap) / f for at, f in zip(vram.ceiling_mib, free, strict=True)]
    return all(
        end <= above + _ROUNDING for above, end in zip(vram.ceiling_mib, ends[1:], strict=False)
    )


RULES: tuple[Rule, ...] = (
    Rule(
        (("vad", "release_threshold"), ("vad", "threshold")),
        "release_threshold must be <= threshold",
        lambda s: s.vad.release_threshold <= s.vad.threshold,
    ),
    Rule(
        (("vad", "decode_pre_roll_s"), ("vad", "pre_roll_s")),
        "decode_pre_roll_s must be <= pre_roll_s",
        lambda s: s.vad.decode_pre_roll_s <= s.vad.pre_roll_s,
    ),
    Rule(
        (("vad", "tail_s"), ("vad", "decode_after_s")),
        "tail_s must be <= decode_after_s: what is decoded must have been heard",
        lambda s: s.vad.tail_s <= s.vad.decode_after_s,
    ),
    Rule(
        (("vad", "decode_after_s"), ("vad", "commit_after_s")),
        "decode_after_s must be <= commit_after_s",
        lambda s: s.vad.decode_after_s <= s.vad.commit_after_s,
    ),
    Rule(
        (("vad", "commit_after_s"), ("vad", "hang_over_s")),
        "commit_after_s must be <= hang_over_s",
        lambda s: s.vad.commit_after_s <= s.vad.hang_over_s,
    ),
    Rule(
        (("vram", "thresholds"),),
        "thresholds must rise and lie between 0 and 1",
        _thresholds_rise,
    ),
    Rule(
        (("vram", "gap"), ("vram", "thresholds")),
        "a level must not end below where the next lower one begins, nor at an empty card: "
        "a smaller gap, or thresholds farther apart",
        lambda s: not _thresholds_rise(s) or _gaps_fit(s),
    ),
    Rule(
        (("vram", "ceiling_mib"),),
        "ceiling_mib must fall, and end above 0",
        _ceilings_fall,
    ),
    Rule(
        (("vram", "ceiling_mib"), ("vram", "thresholds"), ("vram", "gap")),
        "the gaps above the ceilings overlap, which decide on a big card: ceilings farther apart",
        _ceilings_fit,
    ),
    Rule(
        (("vram", "cool_down_s"), ("vram", "cool_down_max_s")),
        "cool_down_s must be <= cool_down_max_s",
        lambda s: s.vram.cool_down_s <= s.vram.cool_down_max_s,
    ),
    Rule(
        (("vad", "cpu_above"), ("vram", "thresholds")),
        "cpu_above must be <= the second threshold: from CRITICAL on it is the CPU anyway",
        lambda s: s.vad.cpu_above <= s.vram.thresholds[1],
    ),
    Rule(
        (("vad", "cpu_above"), ("vram", "gap")),
        "cpu_above must be above [vram] gap: it would never compute on the card again",
        lambda s: not s.vad.cpu_above or s.vad.cpu_above > s.vram.gap,
    ),
)
