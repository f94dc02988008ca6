"""What `swictation vram watch` shows: the GPU's memory by owner, its level, and its history.

It can be read without colours: by glyphs, letters and words.
"""

from collections import deque
from collections.abc import Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from swictation.control.gpu import figures, is_current, memory, placements
from swictation.control.status import Status
from swictation.gpu.status import Action, VramStatus

HISTORY = 600
"""Moments that are remembered: ten minutes."""

_BLOCKS = "▁▂▃▄▅▆▇█"
_UNREAD = "·"
_OTHERS, _OURS, _FREE = "▒", "█", "░"
_MARKS = {"NORMAL": " ", "WARNING": "W", "CRITICAL": "C", "EMERGENCY": "E"}
_STYLES = {"NORMAL": "green", "WARNING": "yellow", "CRITICAL": "red", "EMERGENCY": "bold red"}
_LEAST_WIDTH = 10
_LABEL = len("detector")
_SHOWN_ACTIONS = 6


class History:
    """How full the GPU was and at which level, each second; None where it was not read."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, str] | None] = deque(maxlen=HISTORY)

    def add(self, vram: VramStatus | None) -> None:
        """Remember this moment."""
        if vram and is_current(vram) and vram.total_mib and vram.free_mib is not None:
            self._seen.append((1.0 - vram.free_mib / vram.total_mib, vram.level))
        else:
            self._seen.append(None)

    def last(self, count: int) -> list[tuple[float, str] | None]:
        """The last `count` moments, the oldest first."""
        return list(self._seen)[-count:]


def picture(status: Status, history: History, width: int) -> RenderableType:
    """This moment, in `width` columns."""
    if status.state == "stopped":
        return Text("swictation is not running")
    vram = status.vram
    if vram is None:
        return Text("no engine is set to compute on a GPU: see [asr] engine and device")
    columns = max(_LEAST_WIDTH, width - _LABEL - 1)
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(width=_LABEL, style="bold", no_wrap=True)
    grid.add_column(width=columns, overflow="fold")
    for label, text in _rows(status, vram, history, columns):
        grid.add_row(label, text)
    return grid


def _rows(
    status: Status, vram: VramStatus, history: History, columns: int
) -> list[tuple[str, Text]]:
    rows = [("level", _level(vram)), ("GPU", _bar(vram, columns))]
    if vram.thresholds_mib and vram.total_mib:
        rows.append(("", _thresholds(vram.thresholds_mib, vram.total_mib, columns)))
    rows += [("", _figures(vram)), ("now", Text(f"{status.state}; {placements(vram)}"))]
    if status.degraded:
        rows.append(("instead", Text(f"{status.degraded.mode}: {status.degraded.reason}", "red")))
    if vram.vad_placement.wanted != vram.vad_placement.effective:
        rows.append(("detector", Text(f"is to move to the {vram.vad_placement.wanted.upper()}")))
    if vram.breaker.state != "closed":
        rows += [("worker", _breaker(vram))]
    rows += _history(history.last(columns))
    newest = vram.actions[: -_SHOWN_ACTIONS - 1 : -1]
    rows += [("" if n else "did", _action(action)) for n, action in enumerate(newest)]
    return rows


def _level(vram: VramStatus) -> Text:
    if not is_current(vram):
        return Text("not known" if vram.need == "held" else "the GPU is not in use", style="dim")
    text = Text(vram.level, style=_STYLES.get(vram.level, ""))
    return text.append(f" for {vram.since_s:.0f} s", style="dim")


def _bar(vram: VramStatus, columns: int) -> Text:
    """Other programs' memory, ours and the free rest, as parts of the whole GPU."""
    if not vram.total_mib or vram.free_mib is None:
        return Text(memory(vram) or "not read")
    ours = round(columns * (vram.ours_mib or 0.0) / vram.total_mib)
    used = round(columns * (vram.total_mib - vram.free_mib) / vram.total_mib)
    others = max(0, used - ours)
    free = max(0, columns - others - ours)
    parts = ((_OTHERS * others, "blue"), (_OURS * ours, "cyan"), (_FREE * free, "dim"))
    bar = Text.assemble(*parts, no_wrap=True)
    if not is_current(vram):
        bar.stylize("dim")
    return bar


def _thresholds(thresholds_mib: Sequence[float], total_mib: float, columns: int) -> Text:
    """Where levels begin, below the bar."""
    places = [min(columns - 1, int(columns * mib / total_mib)) for mib in thresholds_mib]
    levels = dict(zip(places, ("WARNING", "CRITICAL", "EMERGENCY"), strict=True))
    text = Text(no_wrap=True)
    for column in range(columns):
        level = levels.get(column, "NORMAL")
        text.append(_MARKS[level], _STYLES[level])
    return text


def _figures(vram: VramStatus) -> Text:
    """The bar's legend."""
    if not is_current(vram):
        return Text(memory(vram) if vram.total_mib else "", style="dim")
    line = figures(vram).replace("others", f"{_OTHERS} others").replace("ours", f"{_OURS} ours")
    line = line.replace("free", f"{_FREE} free")
    return Text(f"{line}; 10 s of speech take {vram.predicted_peak_mib:.0f} MiB", style="dim")


def _breaker(vram: VramStatus) -> Text:
    breaker = vram.breaker
    line = f"{breaker.why or breaker.state} (number {breaker.generation})"
    if breaker.is_banned:
        line += "; to try again: swictation vram reset"
    return Text(line, style="red")


def _history(seen: Sequence[tuple[float, str] | None]) -> list[tuple[str, Text]]:
    """How full it was, and below it the levels' letters; what was not read is a dot."""
    use, marks = Text(no_wrap=True), Text(no_wrap=True)
    for moment in seen:
        if moment is None:
            use.append(_UNREAD, "dim")
            marks.append(" ")
            continue
        used, level = moment
        style = _STYLES.get(level, "")
        index = round(min(1.0, max(0.0, used)) * (len(_BLOCKS) - 1))
        use.append(_BLOCKS[index], style)
        marks.append(_MARKS.get(level, "?"), style)
    return [("history", use), ("", marks)]


def _action(action: Action) -> Text:
    freed = "" if action.freed_mib is None else f", freed {action.freed_mib:.0f} MiB"
    reason = f" ({action.reason})" if action.reason else ""
    return Text(f"{action.ago_s:4.0f} s ago: {action.what}{reason}{freed}", style="dim")
