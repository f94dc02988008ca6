"""What a check found, and the command that fixes it."""

from collections.abc import Iterable
from pathlib import Path
from typing import Literal, get_args

import msgspec

from swictation.config.settings import Settings
from swictation.models.store.store import ModelLocation

Level = Literal["ok", "warning", "error"]
_LEVELS: tuple[Level, ...] = get_args(Level)


class Finding(msgspec.Struct, frozen=True):
    """One line of the report."""

    name: str
    level: Level
    found: str
    """For people; may span several lines. Never a dictated word."""
    remedy: str = ""
    """What exactly to type or do next; "" if nothing is wrong."""


class Subject(msgspec.Struct):
    """What is checked; earlier checks fill in what later ones need."""

    config: Path | None = None
    """The configuration file to read; None: the user's own."""
    settings: Settings = msgspec.field(default_factory=Settings)
    """The defaults until the configuration has been read, or if it cannot be used."""
    model: ModelLocation | None = None
    """Set once a whole model has been found."""


def worst(findings: Iterable[Finding]) -> Level:
    """The most serious level; "ok" if there is none."""
    levels: list[Level] = ["ok", *(finding.level for finding in findings)]
    return max(levels, key=_LEVELS.index)


def summary(findings: Iterable[Finding]) -> str:
    """One line for the end of the report."""
    levels = [finding.level for finding in findings]
    counts = [(levels.count(level), level) for level in ("error", "warning")]
    counted = [f"{count} {level}{'s' if count > 1 else ''}" for count, level in counts if count]
    if not counted:
        return f"All {len(levels)} checks are fine."
    return f"{' and '.join(counted)} in {len(levels)} checks; the lines with -> say what to do."
