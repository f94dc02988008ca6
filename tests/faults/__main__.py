"""Runs every cell, prints the table, and writes it into docs/vram-tests.md."""

import asyncio
import os
import re
import resource
import sys
import tempfile
import textwrap
from pathlib import Path

import numpy as np

from fakes.nvml.card import STATE, FakeCard, build
from faults.cell import Result, run_cell
from faults.plan import CELLS, FAULTS, MOMENTS, Cell

_TESTS = Path(__file__).parents[1]
_DOCS = _TESTS.parent / "docs" / "vram-tests.md"
_BEGIN, _END = "<!-- fault matrix: make fault-matrix -->", "<!-- end of the fault matrix -->"


def main() -> int:
    results: dict[Cell, Result] = {}
    with tempfile.TemporaryDirectory() as folder:
        library = build(Path(folder))
        for number, cell in enumerate(CELLS):
            results[cell] = _run(cell, Path(folder) / str(number), library)
            print(f"{cell}: {_told(results[cell])}", flush=True)  # noqa: T201
    _write(_table(results))
    return 0 if all(result.is_whole for result in results.values()) else 1


def _run(cell: Cell, folder: Path, library: Path) -> Result:
    """A folder and a GPU of its own."""
    folder.mkdir()
    for name in ("CONFIG", "STATE", "CACHE", "DATA"):
        os.environ[f"XDG_{name}_HOME"] = str(folder / name.lower())
    card = FakeCard.make(folder / "card", library)
    os.environ.update({STATE: str(card.path), **card.env()})
    os.environ["PYTHONPATH"] = str(_TESTS / "fakes" / "scripted_engine")
    sys.path.insert(0, os.environ["PYTHONPATH"])
    card.install()
    try:
        return asyncio.run(run_cell(cell, folder, card))
    finally:
        card.release()
        card.close()


def _told(result: Result) -> str:
    if not result.is_whole:
        return "**BROKEN**"
    return f"{result.resumed_s:.2f} s" if result.resumed_s is not None else "whole"


def _table(results: dict[Cell, Result]) -> str:
    rows = [f"| | {' | '.join(MOMENTS)} |", "|---" * (len(MOMENTS) + 1) + "|"]
    for fault in FAULTS:
        told = (_told(results[Cell(fault, moment)]) for moment in MOMENTS)
        rows.append(f"| {fault} | {' | '.join(told)} |")
    whole = sum(result.is_whole for result in results.values())
    lost = sum(result.outcome.lost_samples for result in results.values())
    times_s = [result.resumed_s for result in results.values() if result.resumed_s is not None]
    summary = (
        f"{whole} of {len(results)} cells whole: {lost} samples lost, no word doubled or out of"
        f" order. From the fault to the next words: median {np.median(times_s):.2f} s, at most"
        f" {max(times_s):.2f} s. All of it took {_cpu_s():.0f} s of CPU."
    )
    return "\n".join([*rows, "", *textwrap.wrap(summary, 100)])


def _cpu_s() -> float:
    """Of this process and its workers."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _write(table: str) -> None:
    text = _DOCS.read_text()
    between = re.compile(f"{re.escape(_BEGIN)}.*{re.escape(_END)}", re.DOTALL)
    _DOCS.write_text(between.sub(lambda _: f"{_BEGIN}\n\n{table}\n\n{_END}", text))


if __name__ == "__main__":
    sys.exit(main())
