"""Reads a trace, the memory of a GPU line by line, as a stream. Errors name the line."""

import gzip
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import BinaryIO

import msgspec

from swictation.errors import UsageError
from swictation.types import Trouble

SHIPPED = ("quiet-desktop", "browser-and-game", "breathing-neighbour")
"""Traces that come with the program, by name."""
GAP_S = 60.0
"""A line holds until the next; after this time without one the GPU counts as unreadable."""
LONGEST_UTTERANCE_S = 60.0

_MAX_LINE_BYTES = 4096
_LONGEST_S = 366 * 86400.0
_ROUNDING_MIB = 1.0
_GZIP = b"\x1f\x8b"
_REMEDY = (
    'a line looks like {"t_s": 0.0, "total_mib": 4096, "free_mib": 3000, "ours_mib": 0}; '
    "to record a trace: swictation vram record FILE"
)


class Line(msgspec.Struct, frozen=True, gc=False):
    """The GPU from `t_s` until the next line."""

    t_s: float
    total_mib: float
    free_mib: float
    ours_mib: float | None = 0.0
    """What this program's worker held while recording; None: unknown, counts as others'."""
    listening: bool | None = None
    """Whether dictation is on from here; None: as before. If the first line has None, the trace
    knows no speech: then dictation is on, and an utterance comes now and then."""
    utterance_s: float = 0.0
    """An utterance of that length ends here."""
    trouble: Trouble = ""
    """The GPU could not be read, for this reason."""

    @property
    def others_mib(self) -> float:
        return max(0.0, self.total_mib - self.free_mib - (self.ours_mib or 0.0))


def read(trace: str) -> Iterator[Line]:
    """Yield the lines of a file, plain or gzipped, or of a shipped trace by its name.

    Raises:
        UsageError: the file or a line cannot be read, or a line is impossible.
    """
    name = Path(trace).name
    if trace in SHIPPED and not Path(trace).exists():
        with files("swictation").joinpath(f"assets/traces/{trace}.jsonl.gz").open("rb") as raw:
            yield from _lines(gzip.GzipFile(fileobj=raw), name)
        return
    try:
        with Path(trace).open("rb") as raw:
            is_zipped = raw.read(2) == _GZIP
            raw.seek(0)
            yield from _lines(gzip.GzipFile(fileobj=raw) if is_zipped else raw, name)
    except FileNotFoundError:
        shipped = ", ".join(SHIPPED)
        raise UsageError(f"{trace}: no such trace.", f"the shipped traces: {shipped}") from None
    except (OSError, EOFError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"{trace}: cannot be read: {why}.") from error


def _lines(stream: BinaryIO | gzip.GzipFile, name: str) -> Iterator[Line]:
    decoder = msgspec.json.Decoder(Line)
    number, knows_speech = 0, False
    last: Line | None = None
    while raw := stream.readline(_MAX_LINE_BYTES + 1):
        number += 1
        if not raw.strip():
            continue
        try:
            if len(raw) > _MAX_LINE_BYTES:
                raise ValueError(f"longer than {_MAX_LINE_BYTES} bytes")
            line = decoder.decode(raw)
            knows_speech = knows_speech or (last is None and line.listening is not None)
            if fault := _fault(line, last, knows_speech=knows_speech):
                raise ValueError(fault)
        except (msgspec.DecodeError, ValueError) as error:
            raise UsageError(
                f"{name}:{number}: not a line of a trace: {_plain(error)}.", _REMEDY
            ) from error
        yield line
        last = line
    if last is None:
        raise UsageError(f"{name}: an empty trace.", _REMEDY)


def _fault(line: Line, last: Line | None, *, knows_speech: bool) -> str:
    """What is wrong with a line; JSON has no NaN or infinity, so all figures are finite."""
    total_mib, free_mib, ours_mib = line.total_mib, line.free_mib, line.ours_mib or 0.0
    if not 0.0 <= line.t_s <= _LONGEST_S:
        return f"t_s = {line.t_s:g} must be from 0 to {_LONGEST_S:g}, a year"
    if not total_mib > 0.0:
        return f"total_mib = {total_mib:g} must be above 0"
    if not 0.0 <= free_mib <= total_mib:
        return f"free_mib = {free_mib:g} must be from 0 to total_mib = {total_mib:g}"
    if not 0.0 <= ours_mib <= total_mib - free_mib + _ROUNDING_MIB:
        used_mib = total_mib - free_mib
        return f"ours_mib = {ours_mib:g} must be from 0 to what is used, {used_mib:g}"
    if not 0.0 <= line.utterance_s <= LONGEST_UTTERANCE_S:
        return f"utterance_s = {line.utterance_s:g} must be from 0 to {LONGEST_UTTERANCE_S:g}"
    if not knows_speech and (line.utterance_s or line.listening is not None):
        return 'the first line must have "listening", if any line tells of speech'
    if last is None:
        return ""
    if line.t_s < last.t_s:
        return f"t_s = {line.t_s:g} is before {last.t_s:g}, that of the previous line"
    if total_mib != last.total_mib:
        return f"total_mib = {total_mib:g} was {last.total_mib:g} before: another GPU"
    return ""


def _plain(error: Exception) -> str:
    """Msgspec's message without its markup."""
    what, at, where = str(error).partition(" - at `$.")
    message = what.replace("`", "").rstrip(".")
    return f"{message} ({where.rstrip('`')})" if at else message
