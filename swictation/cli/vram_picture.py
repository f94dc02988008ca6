"""What `swictation vram watch` shows: the card's memory by owner, its level, and how it came so."""

from collections import deque
from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from swictation.control.status import Status
from swictation.vram.report import Action, VramStatus

HISTORY = 600
"""Readings that are remembered: ten minutes."""

_BLOCKS = " ▁▂▃▄▅▆▇█"
_STYLES = {"NORMAL": "green", "WARNING": "yellow", "CRITICAL": "red", "EMERGENCY": "bold red"}
_LEAST_WIDTH = 20
_LABEL = 10
_SHOWN_ACTIONS = 5


class History:
    """How full the card was, and at which level."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, str]] = deque(maxlen=HISTORY)

    def add(self, vram: VramStatus) -> None:
        """Remember this moment."""
        if vram.total_mib and vram.free_mib is not None:
            self._seen.append((1.0 - vram.free_mib / vram.total_mib, vram.level))

    def last(self, count: int) -> list[tuple[float, str]]:
        """The last `count` moments, the oldest first."""
        return list(self._seen)[-count:]


def picture(status: Status, history: History, width: int) -> RenderableType:
    """This moment, in `width` columns."""
    if status.state == "stopped":
        return Text("swictation is not running", style="dim")
    vram = status.vram
    if vram is None:
        return Text("no engine is to compute on a card: [asr] device, [asr] engine", style="dim")
    columns = max(_LEAST_WIDTH, width - _LABEL - 1)
    lines = [
        _row("device", _bar(vram, columns)),
        _row("", _figures(vram)),
        _row("level", _level(vram)),
        _row("speech", Text(f"{vram.asr_placement or 'kept for later'}; {status.state}")),
        _row("detector", _detector(vram)),
        _row("breaker", _breaker(vram)),
        _row("history", _sparkline(history.last(columns))),
    ]
    if status.degraded:
        lines.append(_row("degraded", Text(f"{status.degraded.mode}: {status.degraded.reason}")))
    lines += [_row("did", _action(action)) for action in vram.actions[-_SHOWN_ACTIONS:]]
    return Group(*lines)


def _row(label: str, text: Text) -> Text:
    return Text(label.ljust(_LABEL), style="bold") + text


def _bar(vram: VramStatus, columns: int) -> Text:
    """The others', ours, what is free: as parts of the whole card, marked where levels begin."""
    if not vram.total_mib or vram.free_mib is None:
        return Text(vram.trouble or "not read: nothing of ours is on the card", style="dim")
    ours = round(columns * (vram.ours_mib or 0.0) / vram.total_mib)
    used = round(columns * (vram.total_mib - vram.free_mib) / vram.total_mib)
    others = max(0, used - ours)
    bar = Text.assemble(
        ("█" * others, "blue"), ("█" * ours, "cyan"), ("░" * (columns - others - ours), "dim")
    )
    for mib in vram.thresholds_mib or ():
        at = min(columns - 1, round(columns * mib / vram.total_mib))
        bar.stylize("reverse", at, at + 1)
    return bar


def _figures(vram: VramStatus) -> Text:
    if vram.total_mib is None:
        return Text("")
    told = (
        f"others {_mib(vram.others_mib)}, ours {_mib(vram.ours_mib)},"
        f" free {_mib(vram.free_mib)} of {vram.total_mib:.0f} MiB;"
        f" an utterance of 10 s takes {vram.predicted_peak_mib:.0f}"
    )
    return Text(told, style="dim")


def _action(action: Action) -> Text:
    freed = "" if action.freed_mib is None else f", freed {action.freed_mib:.0f} MiB"
    reason = f" ({action.reason})" if action.reason else ""
    return Text(f"{action.ago_s:4.0f} s ago: {action.what}{reason}{freed}", style="dim")


def _mib(figure: float | None) -> str:
    return "not told" if figure is None else f"{figure:.0f}"


def _level(vram: VramStatus) -> Text:
    text = Text(vram.level, style=_STYLES.get(vram.level, ""))
    text.append(f" for {vram.since_s:.0f} s", style="dim")
    return text


def _detector(vram: VramStatus) -> Text:
    placed = vram.vad_placement
    return Text(f"{placed.effective} ({placed.reason})" if placed.reason else placed.effective)


def _breaker(vram: VramStatus) -> Text:
    breaker = vram.breaker
    return Text(
        f"{breaker.state}, generation {breaker.generation}, failures {breaker.failures}",
        style="" if breaker.state == "closed" else "red",
    )


def _sparkline(seen: Sequence[tuple[float, str]]) -> Text:
    text = Text()
    for used, level in seen:
        index = min(len(_BLOCKS) - 1, max(0, round(used * (len(_BLOCKS) - 1))))
        text.append(_BLOCKS[index], style=_STYLES.get(level, ""))
    return text
