"""What `swictation vram watch` shows: the card's memory by owner, its level, and how it came so."""

from collections import deque
from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from swictation.control.status import Status
from swictation.vram.report import VramStatus

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
        if vram.total_mib:
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
        _row("", _marks(vram, columns)),
        _row("level", _level(vram)),
        _row("speech", Text(f"{vram.asr_placement or 'kept for later'}; {status.state}")),
        _row("detector", _detector(vram)),
        _row("breaker", _breaker(vram)),
        _row("history", _sparkline(history.last(columns))),
    ]
    if status.degraded:
        lines.append(_row("degraded", Text(f"{status.degraded.mode}: {status.degraded.reason}")))
    for action in vram.actions[-_SHOWN_ACTIONS:]:
        lines.append(_row("did", Text(action.told, style="dim")))
    return Group(*lines)


def _row(label: str, text: Text) -> Text:
    return Text(label.ljust(_LABEL), style="bold") + text


def _bar(vram: VramStatus, columns: int) -> Text:
    """Ours, the others', what is free: as parts of the whole card."""
    if not vram.total_mib:
        return Text("not read: nothing of ours is on the card", style="dim")
    ours = round(columns * (vram.ours_mib or 0.0) / vram.total_mib)
    used = round(columns * (vram.total_mib - vram.free_mib) / vram.total_mib)
    others = max(0, used - ours)
    return Text.assemble(
        ("█" * others, "blue"), ("█" * ours, "cyan"), ("░" * (columns - others - ours), "dim")
    )


def _marks(vram: VramStatus, columns: int) -> Text:
    """Where the levels begin, and the figures."""
    told = (
        f"others {vram.others_mib:.0f}, ours {_mib(vram.ours_mib)},"
        f" free {vram.free_mib:.0f} of {vram.total_mib:.0f} MiB"
    )
    return Text(told if vram.total_mib else "", style="dim")


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
