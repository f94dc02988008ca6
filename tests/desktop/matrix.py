"""The table of docs/injection.md: `python -m tests.desktop.matrix --runs 100`."""

import argparse
import random
import statistics
import sys
from collections import defaultdict
from pathlib import Path

from .cells import DISTURBANCES, LAYOUTS, ROUTES, TEXTS, Cell, Run, Stage
from .field import KINDS, why_not

TABLE = Path(__file__).parents[2] / "docs" / "injection.md"
BEGIN, END = "<!-- matrix x11 -->", "<!-- end of matrix x11 -->"


def main() -> int:
    """Run and write the table; 1 if any run was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100, help="for each field and route")
    parser.add_argument("--disturbed", type=int, default=20, help="for each disturbance")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--fields", default=",".join(KINDS))
    parser.add_argument("--dry", action="store_true", help="print, do not write the table")
    options = parser.parse_args()
    _say(f"seed {options.seed}")
    runs: list[Run] = []
    for kind in options.fields.split(","):
        if reason := why_not(kind):
            _say(f"{kind}: skipped, {reason}")
            continue
        stage = Stage()
        try:
            for cell in _draw(kind, options.runs, options.disturbed, options.seed):
                run = stage.run(cell)
                runs.append(run)
                if run.fault:
                    _say(f"WRONG {cell} after {run.took_s:.1f} s: {run.fault}")
        finally:
            stage.close()
        wrong = sum(1 for run in runs if run.cell.field == kind and run.fault)
        _say(f"{kind}: {wrong} wrong of {sum(r.cell.field == kind for r in runs)}")
    table = _table(runs, options.seed)
    _say(table)
    if not options.dry:
        _write(table)
    return int(any(run.fault for run in runs))


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


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


def _table(runs: list[Run], seed: int) -> str:
    groups: dict[tuple[str, str], list[Run]] = defaultdict(list)
    for run in runs:
        upset = run.cell.disturbance
        column = run.cell.route if upset == "none" else upset
        groups[run.cell.field, column].append(run)
    columns = (*ROUTES, *DISTURBANCES[1:])
    lines = [
        f"Seed {seed}. Right of runs (confirmed); median characters/s for 1000 characters.",
        "",
        "| field | " + " | ".join(columns) + " |",
        "|---|" + "---|" * len(columns),
    ]
    for kind in dict.fromkeys(run.cell.field for run in runs):
        told = [_cell(groups[kind, column], speed=column in ROUTES) for column in columns]
        lines.append(f"| {kind} | " + " | ".join(told) + " |")
    return "\n".join(lines)


def _cell(runs: list[Run], *, speed: bool) -> str:
    right = sum(1 for run in runs if not run.fault)
    confirmed = sum(1 for run in runs if run.injection.outcome == "confirmed")
    long = [len(TEXTS[r.cell.text]) / r.took_s for r in runs if len(TEXTS[r.cell.text]) == 1000]
    told = f"{right}/{len(runs)} ({confirmed})"
    return f"{told}, {statistics.median(long):.0f}/s" if speed and long else told


def _write(table: str) -> None:
    """Replace what stands between the marks; make the page if there is none."""
    page = TABLE.read_text() if TABLE.exists() else f"# Injection\n\n{BEGIN}\n{END}\n"
    if BEGIN not in page:
        page += f"\n## X11\n\n{BEGIN}\n{END}\n"
    before, _, rest = page.partition(BEGIN)
    after = rest.partition(END)[2]
    TABLE.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}")


if __name__ == "__main__":
    sys.exit(main())
