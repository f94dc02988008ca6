"""Draws a simulation: memory by owner, thresholds, levels, placements."""

import importlib
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from swictation.errors import SwictationError
from swictation.gpu.policy.levels import Limits
from swictation.gpu.simulate.loop import Moment
from swictation.remedies import install_command

_MOST_COLUMNS = 8000

_OWNERS = (
    ("others_mib", "other programs", "#b8bec7"),
    ("context_mib", "CUDA context", "#4c6a92"),
    ("weights_mib", "model", "#6f9bd1"),
    ("work_mib", "work and cache", "#e0a458"),
)
_LEVELS = {
    "NORMAL": "#9ac29a",
    "WARNING": "#f2d36b",
    "CRITICAL": "#ec9a4b",
    "EMERGENCY": "#cf4b4b",
}
_PLACEMENTS = {"gpu": "#6f9bd1", "cpu": "#d9dde2", "": "#cf4b4b"}
_PLACEMENT_NAMES = {"gpu": "on the GPU", "cpu": "on the CPU", "": "waits"}
_RANKS = list(_LEVELS)


class Picture:
    """Collects moments, as many as a picture can show, and draws them."""

    def __init__(self) -> None:
        self._moments: list[Moment] = []
        self._stride = 1
        self._skipped = 0

    def add(self, moment: Moment) -> None:
        """Add a moment; of moments that share a column, the highest figures are shown."""
        self._skipped += 1
        if self._moments and self._skipped < self._stride:
            self._moments[-1] = _merged(self._moments[-1], moment)
            return
        self._skipped = 0
        self._moments.append(moment)
        if len(self._moments) >= _MOST_COLUMNS:
            pairs = zip(self._moments[::2], self._moments[1::2], strict=True)
            self._moments = [_merged(first, second) for first, second in pairs]
            self._stride *= 2

    def save(self, file: Path, limits: Limits, title: str) -> None:
        """Write a PNG.

        Raises:
            SwictationError: matplotlib is missing, or the file cannot be written.
        """
        figure = library().Figure(figsize=(13, 6.5), layout="constrained")
        memory, level, asr, detector = figure.subplots(
            4, 1, sharex=True, height_ratios=(12, 1, 1, 1)
        )
        self._memory(memory, limits)
        memory.set_title(title, loc="left")
        self._band(level, "level", lambda moment: moment.level, _LEVELS, {})
        self._band(asr, "requests", lambda moment: moment.asr, _PLACEMENTS, _PLACEMENT_NAMES)
        self._band(
            detector, "detector", lambda moment: moment.detector, _PLACEMENTS, _PLACEMENT_NAMES
        )
        begin_s, end_s = self._moments[0].at_s, max(self._ends())
        detector.set_xticks(list(_ticks(begin_s, end_s)))
        detector.xaxis.set_major_formatter(clock_time)
        detector.set_xlabel("time")
        detector.set_xlim(begin_s, end_s)
        try:
            figure.savefig(file, dpi=110, format="png")
        except OSError as error:
            raise SwictationError(f"{file} cannot be written: {error.strerror}.") from error

    def _ends(self) -> list[float]:
        """When each column ends."""
        times = [moment.at_s for moment in self._moments]
        return [*times[1:], max(times[-1], times[0] + 1.0)]

    def _memory(self, axis: Any, limits: Limits) -> None:  # noqa: ANN401
        total_mib = self._moments[-1].total_mib
        times = [moment.at_s for moment in self._moments]
        rows = [[getattr(m, name) for m in self._moments] for name, _, _ in _OWNERS]
        names, colours = [name for _, name, _ in _OWNERS], [colour for _, _, colour in _OWNERS]
        axis.stackplot(times, *rows, labels=names, colors=colours, step="post", linewidth=0)
        for free_mib, (name, colour) in zip(
            limits.enter_below_mib, list(_LEVELS.items())[1:], strict=True
        ):
            used_mib = total_mib - free_mib
            axis.axhline(used_mib, color=colour, linewidth=1.2, linestyle="--")
            axis.text(1.005, used_mib, name, color=colour, transform=axis.get_yaxis_transform())
        axis.set_ylim(0, total_mib)
        axis.set_ylabel(f"MiB of {total_mib:.0f}")
        axis.legend(loc="lower left", ncols=4, framealpha=0.9)

    def _band(
        self,
        axis: Any,  # noqa: ANN401
        name: str,
        of: Callable[[Moment], str],
        colours: dict[str, str],
        names: dict[str, str],
    ) -> None:
        """Draw a row of coloured stretches, with a legend of the colours that occur."""
        seen: dict[str, list[tuple[float, float]]] = {}
        for moment, end_s in zip(self._moments, self._ends(), strict=True):
            stretches = seen.setdefault(of(moment), [])
            if stretches and sum(stretches[-1]) >= moment.at_s:
                stretches[-1] = (stretches[-1][0], end_s - stretches[-1][0])
            else:
                stretches.append((moment.at_s, end_s - moment.at_s))
        for value in sorted(seen, key=list(colours).index):
            label = names.get(value, value)
            axis.broken_barh(seen[value], (0, 1), color=colours[value], label=label, linewidth=0)
        axis.set_yticks([])
        axis.set_ylabel(name, rotation=0, ha="right", va="center")
        axis.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize="x-small", frameon=False)


def library() -> Any:  # noqa: ANN401
    """Import the part of matplotlib that draws; SwictationError if it is not installed."""
    try:
        return importlib.import_module("matplotlib.figure")
    except ImportError as error:
        raise SwictationError(
            "A plot needs matplotlib, which is not installed.",
            install_command("plot"),
        ) from error


def clock_time(at_s: float, _position: object = None) -> str:
    """Format seconds as h:mm:ss."""
    minutes, seconds = divmod(int(at_s), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"


def _ticks(begin_s: float, end_s: float) -> range:
    """Choose at most a dozen round times."""
    long_s = end_s - begin_s
    day_s = 86400 * max(1, math.ceil(long_s / 86400 / 12))
    steps_s = (1, 5, 10, 30, 60, 300, 600, 900, 1800, 3600, 7200, 14400, day_s)
    step_s = next(step_s for step_s in steps_s if long_s / step_s <= 12 or step_s == day_s)
    return range(step_s * math.ceil(begin_s / step_s), int(end_s) + 1, step_s)


def _merged(first: Moment, second: Moment) -> Moment:
    return msgspec.structs.replace(
        second,
        at_s=first.at_s,
        level=max(first.level, second.level, key=_RANKS.index),
        others_mib=max(first.others_mib, second.others_mib),
        context_mib=max(first.context_mib, second.context_mib),
        weights_mib=max(first.weights_mib, second.weights_mib),
        work_mib=max(first.work_mib, second.work_mib),
    )
