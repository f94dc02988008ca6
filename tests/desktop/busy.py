"""Windows that stand still while they are written to: `python -m tests.desktop.busy x11 --runs N`.

What was said has to stand in the window or be known not to: nothing twice, nothing of the user's
clipboard, no command run, whenever the window stops and for however long.
"""

import argparse
import asyncio
import itertools
import random
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from swictation.inject.injector import Injection, Injector, Target

from .cells import Stage, cleared, eventually, pairwise
from .field import KINDS, ODD_KINDS, Field, why_not
from .unproven import copied

MOMENTS = ("before", "key", "typing", "page")
"""The stop comes before the first text, as its keys are pressed, later, or to the page alone."""
STOPS_S = ("1", "3", "8", "20", "60")
ROUTES = ("either", "type", "paste")
ENDS = ("thawed", "withdrawn", "killed")
"""It goes on; the text is taken back before; or it never goes on."""
AXES = ((*KINDS, *ODD_KINDS), MOMENTS, STOPS_S, ROUTES, ENDS)
PATIENCE_S = 1.0
"""How long the text after an unproven one waits here; delivery waits longer."""
_GUARD_S = 90.0
_SAID = "The quick brown fox jumps over the lazy dog, déjà vu — naïve “x” № 7. "


@dataclass(frozen=True)
class Cell:
    """One combination."""

    field: str
    moment: str
    stop_s: str
    route: str
    end: str

    def __str__(self) -> str:
        return "-".join((self.field, self.moment, self.stop_s, self.route, self.end))


@dataclass
class Said:
    """What became of each piece that was said."""

    arrived: list[str] = field(default_factory=list)
    """Of each the part that counts as arrived."""
    injections: list[Injection] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.arrived)


def chosen(seed: int) -> list[Cell]:
    """Few cells in which each pair of values occurs; the long stops only by hand."""
    axes = (*AXES[:2], STOPS_S[:2], *AXES[3:])
    cells = pairwise(seed, axes)
    return [
        _sensible(cell.field, cell.route, cell.layout, cell.disturbance, cell.text)
        for cell in cells
    ]


def everything() -> list[Cell]:
    return list(dict.fromkeys(_sensible(*values) for values in itertools.product(*AXES)))


def _sensible(kind: str, moment: str, stop_s: str, route: str, end: str) -> Cell:
    """A page is a browser's; what is withdrawn or killed has to be stopped for long."""
    is_page = moment == "page" and kind != "chromium"
    is_short = end != "thawed" and stop_s == "1"
    return Cell(kind, "key" if is_page else moment, "3" if is_short else stop_s, route, end)


async def say(injector: Injector, pieces: list[str], *, withdraws: bool) -> Said:
    """Deliver `pieces` in order, each once; wait in the end until all is known."""
    said = Said()
    focused = await injector.focus()
    target = focused if isinstance(focused, Target) else None
    open_proofs: list[tuple[int, str, str, asyncio.Future[bool | None]]] = []
    for number, piece in enumerate(pieces):
        injection = await injector.inject(piece, target)
        said.injections.append(injection)
        said.arrived.append(piece[: injection.sent])
        if injection.proof:
            sure, all_sent = piece[: injection.confirmed], piece[: injection.sent]
            open_proofs.append((number, sure, all_sent, injection.proof))
            await asyncio.wait({injection.proof}, timeout=PATIENCE_S)
            if withdraws:
                await injector.withdraw()
    for number, sure, all_sent, proof in open_proofs:
        is_there = await asyncio.wait_for(proof, _GUARD_S)
        said.arrived[number] = all_sent if is_there else sure
    return said


class Busy:
    """A stage whose clipboard and primary selection hold a command that would leave a mark."""

    def __init__(self) -> None:
        self.stage = Stage()
        self.stage.layout("us")
        self._folder = tempfile.TemporaryDirectory(prefix="busy-")
        self._mark = Path(self._folder.name) / "ran"
        self.old = f"touch {self._mark}\n"

    def run(self, cell: Cell, seed: int) -> str:
        """What is wrong, or ""."""
        dice = random.Random(f"{seed} {cell}")
        shown = cleared(self.stage, cell.field)
        pieces = [f"{n} {_SAID[: dice.randint(9, len(_SAID) - 1)].strip()} " for n in range(6)]
        with self._copied():
            said = asyncio.run(self._play(shown, cell, pieces, dice))
            fault = self._fault(shown, cell, said, pieces)
        if cell.end == "killed" or cell.field in ODD_KINDS:
            self.stage.leave()
        return fault

    def close(self) -> None:
        self.stage.close()
        self._folder.cleanup()

    async def _play(self, shown: Field, cell: Cell, pieces: list[str], dice) -> Said:
        injector = self.stage.by(cell.route)  # type: ignore[arg-type]
        freeze = shown.freeze_page if cell.moment == "page" else shown.freeze
        after = shown.kill if cell.end == "killed" else shown.thaw
        latest_s = {"before": 0.0, "key": 0.05, "typing": 0.5, "page": 0.05}[cell.moment]
        start_s = dice.uniform(0, latest_s)
        timers = [threading.Timer(start_s + float(cell.stop_s), after)]
        if latest_s:
            timers.append(threading.Timer(start_s, freeze))
        else:
            freeze()
        for timer in timers:
            timer.start()
        try:
            # What never takes a text is closed in the end.
            if cell.field == "canvas":
                timers.append(threading.Timer(float(cell.stop_s) + 4, shown.kill))
                timers[-1].start()
            return await say(injector, pieces, withdraws=cell.end == "withdrawn")
        finally:
            for timer in timers:
                await asyncio.to_thread(timer.join)

    def _fault(self, shown: Field, cell: Cell, said: Said, pieces: list[str]) -> str:
        if self._mark.exists():
            self._mark.unlink()
            return "a command was run"
        if cell.end != "killed" and cell.field not in ODD_KINDS:
            held = shown.settles_on(said.text, 1.5)
            if held != said.text:
                told = [(i.outcome, i.sent, i.confirmed, i.reason) for i in said.injections]
                return f"{held!r} is there, {said.text!r} counts as arrived; {pieces} {told}"
        if cell.field in ("canvas", "deaf") and said.text and cell.route == "paste":
            return f"counts as arrived where nothing is taken: {said}"
        back = eventually(self.stage.clipboard, self.old, 30)
        return "" if back == self.old else f"the clipboard holds {back!r}"

    @contextmanager
    def _copied(self) -> Iterator[None]:
        """Another program owns both selections."""
        screen = self.stage.screen
        with copied(screen, self.old), copied(screen, self.old, "primary"):
            yield


def main() -> int:
    """Run all combinations; 1 if any was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("session", choices=("x11",))
    parser.add_argument("--runs", type=int, default=1, help="of each combination")
    parser.add_argument("--only", default="", help="a part of the combination's name")
    parser.add_argument("--sample", type=int, default=0, help="so many of them, drawn")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    options = parser.parse_args()
    kinds = {kind for kind in AXES[0] if not why_not(kind)}
    cells = [cell for cell in everything() if options.only in str(cell) and cell.field in kinds]
    dice = random.Random(options.seed)
    if options.sample:
        cells = dice.sample(cells, min(options.sample, len(cells)))
    wrong = 0
    busy = Busy()
    try:
        for cell in sorted(cells * options.runs, key=str):
            fault = busy.run(cell, dice.randrange(10**6))
            wrong += bool(fault)
            sys.stdout.write(f"{'WRONG' if fault else 'right'} {cell} {fault}\n")
            sys.stdout.flush()
    finally:
        busy.close()
    sys.stdout.write(f"seed {options.seed}: {wrong} wrong of {len(cells) * options.runs}\n")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
