"""The tables of docs/injection.md: `python -m tests.desktop.matrix x11|wayland --runs 100`."""

import argparse
import random
import statistics
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from swictation.inject.injector import Injection

from . import wayland_stage
from .cells import DISTURBANCES, LAYOUTS, ROUTES, TEXTS, Cell, Run, Stage
from .field import KINDS, Hung, why_not
from .wayland_stage import WaylandStage

TABLE = Path(__file__).parents[2] / "docs" / "injection.md"
FIELDS = {"x11": KINDS, "wayland": wayland_stage.KINDS}
COLUMNS = {
    "x11": (*ROUTES, *DISTURBANCES[1:]),
    "wayland": (*wayland_stage.METHODS, "frozen"),
}


def main() -> int:
    """Run and write the table; 1 if any run was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("session", choices=FIELDS)
    parser.add_argument("--runs", type=int, default=100, help="for each field and route")
    parser.add_argument("--disturbed", type=int, default=20, help="for each disturbance")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--fields", default="", help="separated by commas; all by default")
    parser.add_argument("--dry", action="store_true", help="print, do not write the table")
    options = parser.parse_args()
    _say(f"seed {options.seed}")
    runs: list[Run] = []
    for kind in options.fields.split(",") if options.fields else FIELDS[options.session]:
        if reason := why_not(kind):
            _say(f"{kind}: skipped, {reason}")
            continue
        draw, play = (_draw, _play) if options.session == "x11" else (_draw_wayland, _play_wayland)
        own = []
        for run in play(draw(kind, options.runs, options.disturbed, options.seed)):
            own.append(run)
            if run.fault:
                _say(f"WRONG {run.cell} after {run.took_s:.1f} s: {run.fault}")
        runs += own
        _say(f"{kind}: {sum(1 for run in own if run.fault)} wrong of {len(own)}")
    table = _table(runs, COLUMNS[options.session], options.seed)
    _say(table)
    if not options.dry:
        _write(table, options.session)
    return int(any(run.fault for run in runs))


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _play(cells: list[Cell]) -> Iterator[Run]:
    stage = Stage()
    try:
        for cell in cells:
            yield _run(stage, cell)
    finally:
        stage.close()


def _play_wayland(cells: list[Cell]) -> Iterator[Run]:
    """A stage for each route: a placement has one input method."""
    for route in dict.fromkeys(cell.route for cell in cells):
        stage = WaylandStage(route)
        try:
            for cell in cells:
                if cell.route == route:
                    yield _run(stage, cell)
        finally:
            stage.close()


def _run(stage: Stage | WaylandStage, cell: Cell) -> Run:
    """One run; a field that hangs under it is wrong, and replaced."""
    try:
        return stage.run(cell)
    except Hung as hung:
        stage.leave()
        return Run(cell, Injection("partial", reason=str(hung)), "", 0.0)


def _draw(kind: str, runs: int, disturbed: int, seed: int) -> list[Cell]:
    """`runs` undisturbed cells for each route, and `disturbed` for each disturbance."""
    dice = random.Random(f"{seed} {kind}")
    cells = [
        Cell(kind, route, dice.choice(LAYOUTS), "none", dice.choice(list(TEXTS)))
        for route in ROUTES
        for _ in range(runs)
    ]
    cells += [
        Cell(kind, dice.choice(ROUTES), dice.choice(LAYOUTS), upset, dice.choice(list(TEXTS)))
        for upset in DISTURBANCES[1:]
        for _ in range(disturbed)
    ]
    return sorted(cells, key=lambda cell: (LAYOUTS.index(cell.layout), dice.random()))


def _draw_wayland(kind: str, runs: int, disturbed: int, seed: int) -> list[Cell]:
    """As `_draw`: keys bring their own layout here, and of the disturbances one is left."""
    dice = random.Random(f"{seed} {kind}")
    # A terminal takes text as keys only.
    routes = [r for r in wayland_stage.METHODS if kind != "foot" or r in ("type", "any")]
    cells = [
        Cell(kind, route, "own", "none", dice.choice(list(TEXTS)))
        for route in routes
        for _ in range(runs)
    ]
    cells += [
        Cell(kind, dice.choice(routes), "own", "frozen", dice.choice(list(TEXTS)))
        for _ in range(disturbed)
    ]
    dice.shuffle(cells)
    return cells


def _table(runs: list[Run], columns: tuple[str, ...], seed: int) -> str:
    groups: dict[tuple[str, str], list[Run]] = defaultdict(list)
    for run in runs:
        upset = run.cell.disturbance
        column = run.cell.route if upset == "none" else upset
        groups[run.cell.field, column].append(run)
    lines = [
        f"Seed {seed}. Right of runs (confirmed); median characters/s for 1000 characters.",
        "",
        "| field | " + " | ".join(columns) + " |",
        "|---|" + "---|" * len(columns),
    ]
    for kind in dict.fromkeys(run.cell.field for run in runs):
        told = [_cell(groups[kind, c], speed=c not in DISTURBANCES) for c in columns]
        lines.append(f"| {kind} | " + " | ".join(told) + " |")
    return "\n".join(lines)


def _cell(runs: list[Run], *, speed: bool) -> str:
    if not runs:
        return ""
    right = sum(1 for run in runs if not run.fault)
    confirmed = sum(1 for run in runs if run.injection.outcome == "confirmed")
    arrived = [r for r in runs if r.injection.sent == 1000 and r.took_s]
    told = f"{right}/{len(runs)} ({confirmed})"
    if not speed or not arrived:
        return told
    return f"{told}, {statistics.median(1000 / r.took_s for r in arrived):.0f}/s"


def _write(table: str, session: str) -> None:
    """Replace what stands between the session's marks."""
    begin, end = f"<!-- matrix {session} -->", f"<!-- end of matrix {session} -->"
    page = TABLE.read_text()
    if begin not in page:
        page += f"\n{begin}\n{end}\n"
    before, _, rest = page.partition(begin)
    TABLE.write_text(f"{before}{begin}\n{table}\n{end}{rest.partition(end)[2]}")


if __name__ == "__main__":
    sys.exit(main())
