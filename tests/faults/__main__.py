"""Prints the fault matrix; see the package."""

import asyncio
import logging
import os
import sys
import tempfile
from pathlib import Path

from fakes.nvml.card import STATE, FakeCard, build
from faults.cell import run_cell
from faults.plan import CELLS

HERE = Path(__file__).parents[1]


def main() -> int:
    wanted = sys.argv[1:]
    if wanted: logging.basicConfig(level=logging.INFO, format='%(relativeCreated)d %(name)s %(message)s')
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        library = build(root)
        for number, cell in enumerate(CELLS):
            if wanted and not any(w in str(cell) for w in wanted):
                continue
            home = root / str(number)
            home.mkdir()
            for name in ("CONFIG", "STATE", "CACHE", "DATA"):
                os.environ[f"XDG_{name}_HOME"] = str(home / name.lower())
            card = FakeCard.make(home / "card", library)
            os.environ.update(card.env())
            os.environ[STATE] = str(card.path)
            os.environ["PYTHONPATH"] = str(HERE / "fakes" / "scripted_engine")
            card.install()
            try:
                result = asyncio.run(run_cell(cell, home, card))
            except BaseException as error:
                print(cell, "FAILED", type(error).__name__, error)
                bad += 1
                if wanted: raise
                continue
            bad += not result.is_whole
            print(cell, "whole" if result.is_whole else "BROKEN", result.resumed_s, flush=True)
            if wanted:
                for e in result.events: print("  %.3f" % (e[0]-result.events[0][0]), e[1:])
    return bad


if __name__ == "__main__":
    sys.exit(main())
