"""Cells of the matrix field x route x layout x disturbance x text, and how one is run."""

import asyncio
import itertools
import os
import random
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import psutil
from Xlib import XK, X, display
from Xlib.ext import xtest

from swictation.inject.injector import Injection
from swictation.inject.x11.injector import X11Injector
from swictation.inject.x11.session import Method

from .field import KINDS, Field, Hung
from .storm import Storm
from .x11 import Screen

ROUTES = ("type", "paste", "either")
LAYOUTS = ("us", "de", "fr", "ru", "us+ru")
DISTURBANCES = ("none", "frozen", "capslock", "held", "storm")
_WORDS = "The quick brown fox jumps over the lazy dog. "
TEXTS = {
    "symbols": "Hello, World! (a_b) /x? \"q\" 'z' ~`@#$%^&*-+={}[]|\\<>;: 0123456789",
    "unicode": "é ß ñ — “x” … 中文 😀 Ελ café naïve",
    "long": (_WORDS * 23)[:1000],
    "mixed": ("Größe — “naïve” café, 中文字符 Ελληνικά жизнь 😀👍 2 < 3; " * 20)[:1000],
}
AXES = (KINDS, ROUTES, LAYOUTS, DISTURBANCES, tuple(TEXTS))
FREEZE_S = 1.0
HOLD_S = 0.4
RUNS = int(os.environ.get("CELLS_RUNS", "0"))
"""Of each cell of the pairwise set; 0: one cell of each field instead."""
SEED = int(os.environ.get("CELLS_SEED", "0"))
"""Drawn by tests/conftest.py, unless it is given."""


S = TypeVar("S")


@dataclass(frozen=True)
class Cell:
    """One combination."""

    field: str
    route: str
    layout: str
    disturbance: str
    text: str

    def __str__(self) -> str:
        return "-".join((self.field, self.route, self.layout, self.disturbance, self.text))


@dataclass(frozen=True)
class Run:
    """What became of one cell, once."""

    cell: Cell
    injection: Injection
    held: str
    took_s: float

    @property
    def exact(self) -> bool:
        return self.held == TEXTS[self.cell.text]

    @property
    def _shortages(self) -> tuple[str, ...]:
        """Why a text may be typed in part only, or not at all: the rest is held."""
        found = ("takes the spare keys",) if self.cell.disturbance == "storm" else ()
        # Characters that a window which answers no ping was typed keep their keys while it lives.
        return (*found, "no spare key") if self.cell.field == "tk" else found

    @property
    def fault(self) -> str:
        """What the field and the outcome contradict each other in, or ""."""
        text, outcome = TEXTS[self.cell.text], self.injection.outcome
        told = f"{self.injection}, field holds {len(self.held)}: {self.held[:60]!r}"
        if outcome in ("confirmed", "typed"):
            return "" if self.exact else f"not exact: {told}"
        if outcome == "refused" and self.held:
            return f"refused, yet something arrived: {told}"
        if outcome == "partial" and not (
            text.startswith(self.held)
            and self.injection.confirmed <= len(self.held) <= self.injection.sent
        ):
            return f"partial, but not this part: {told}"
        if outcome == "refused" and "takes no such character" in self.injection.reason:
            return ""
        # A terminal is typed into, whatever the route; then that storm may take its spare keys.
        is_typed = self.cell.route == "type" or self.cell.field == "xterm"
        if self.cell.disturbance == "capslock" and is_typed:
            return "" if outcome == "refused" else f"typed under CapsLock: {told}"
        if is_typed and any(reason in self.injection.reason for reason in self._shortages):
            return ""
        return f"should have arrived: {told}"


def chosen() -> list[Cell]:
    """What the tests run: CELLS_RUNS of 60 pairwise cells, else an undisturbed one a field."""
    if RUNS:
        return [cell for cell in pairwise(SEED)[:60] for _ in range(RUNS)]
    dice = random.Random(SEED)
    return [Cell(kind, "either", dice.choice(LAYOUTS), "none", "mixed") for kind in KINDS]


def pairwise(seed: int, axes: tuple[tuple[str, ...], ...] = AXES) -> list[Cell]:
    """Few cells in which each pair of values occurs."""
    dice = random.Random(seed)
    pairs = {
        ((a, x), (b, y))
        for a, b in itertools.combinations(range(len(axes)), 2)
        for x in axes[a]
        for y in axes[b]
    }
    cells: list[Cell] = []

    def covers(values: tuple[str, ...]) -> set:
        return set(itertools.combinations(enumerate(values), 2))

    while pairs:
        (a, x), (b, y) = dice.choice(sorted(pairs))  # a set has another order in each process
        candidates = []
        for _ in range(30):
            values = [dice.choice(axis) for axis in axes]
            values[a], values[b] = x, y
            candidates.append(tuple(values))
        best = max(candidates, key=lambda values: len(covers(values) & pairs))
        pairs -= covers(best)
        cells.append(Cell(*best))
    return sorted(cells, key=lambda cell: (cell.field, cell.layout))


@contextmanager
def stages_for_many() -> Iterator[Callable[[type[S]], S]]:
    """Stages made when they are first asked for; nothing of them may be left in the end."""
    before = set(psutil.Process().children(recursive=True))
    made: dict[type, Any] = {}

    def stage(kind: type[S]) -> S:
        if kind not in made:
            made[kind] = kind()
        return made[kind]

    yield stage
    for each in made.values():
        each.close()
    _, left = psutil.wait_procs(set(psutil.Process().children(recursive=True)) - before, 5)
    assert not left, f"left behind: {left}"


def eventually(look: Callable[[], str], wanted: str, timeout_s: float = 10.0) -> str:
    """What `look` sees: as soon as that is `wanted`, else at the end of the time."""
    end_s = time.monotonic() + timeout_s
    while (seen := look()) != wanted and time.monotonic() < end_s:
        threading.Event().wait(0.05)
    return seen


def cleared(stage: Any, kind: str) -> Field:
    """The stage's field, empty; a new one if it has died.

    PySide6 6.12 with Python 3.11 does so after some hundred orders: it miscounts True and False.
    """
    field = stage.field(kind)
    try:
        field.clear()
    except Hung:
        stage.leave()
        field = stage.field(kind)
        field.clear()
    return field


def held(field: Field, text: str, injection: Injection) -> str:
    """What the field holds in the end."""
    return field.settles_on("" if injection.outcome == "refused" else text)


class Stage:
    """A screen, its fields as they are needed, and one injector for all of them."""

    def __init__(self, name: str = "") -> None:
        self.screen = Screen(name)
        self.injector = asyncio.run(X11Injector.open(self.screen.name))
        self._field: Field | None = None
        self._layout = ""

    def by(self, method: Method) -> X11Injector:
        """By another method, over the same display."""
        return X11Injector(self.injector._display, method)

    def field(self, kind: str) -> Field:
        """The only field on the screen, focused."""
        if (
            self._field is None
            or self._field.kind != kind
            or self._field.process.poll() is not None
        ):
            self.leave()
            self._field = Field(kind, self.screen.environment)
        self._field.wait_focused()
        return self._field

    def layout(self, name: str) -> None:
        if self._layout != name:
            self.screen.layout(name)
            self._layout = name

    def run(self, cell: Cell) -> Run:
        """Inject the cell's text into its cleared field, disturbed as it says."""
        field, text = cleared(self, cell.field), TEXTS[cell.text]
        self.layout(cell.layout)
        injector = self.by(cell.route)  # type: ignore[arg-type]
        disturbance = getattr(self, f"_{cell.disturbance}")
        with disturbance(field):
            began = time.monotonic()
            injection = asyncio.run(injector.inject(text))
            took_s = time.monotonic() - began
        return Run(cell, injection, held(field, text, injection), took_s)

    def clipboard(self) -> str:
        """What another program would paste."""
        command = ["xclip", "-o", "-selection", "clipboard"]
        environment = self.screen.environment
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=20
        ).stdout

    def leave(self) -> None:
        """Close the field."""
        if self._field:
            self._field.stop()
            self._field = None

    def close(self) -> None:
        self.leave()
        asyncio.run(self.injector.close())
        self.screen.close()

    def _none(self, _field: Field) -> "During":
        return During(lambda: None, lambda: None)

    def _frozen(self, field: Field) -> "During":
        return frozen(field)

    def _capslock(self, _field: Field) -> "During":
        return During(
            lambda: self.screen.caps_lock(on=True), lambda: self.screen.caps_lock(on=False)
        )

    def _held(self, _field: Field) -> "During":
        client = display.Display(self.screen.name)
        control = client.keysym_to_keycode(XK.XK_Control_L)

        def press(what: int) -> None:
            xtest.fake_input(client, what, control)
            client.sync()

        timer = threading.Timer(HOLD_S, press, (X.KeyRelease,))

        def hold() -> None:
            press(X.KeyPress)
            timer.start()

        def end() -> None:
            timer.join()
            client.close()

        return During(hold, end)

    def _storm(self, _field: Field) -> "During":
        storm = Storm(self.screen.name)
        return During(storm.start, storm.stop)


def frozen(field: Field) -> "During":
    """For a second."""
    timer = threading.Timer(FREEZE_S, field.thaw)

    def freeze() -> None:
        field.freeze()
        timer.start()

    return During(freeze, timer.join)


class During:
    """Begins and ends something around an injection."""

    def __init__(self, begin, end) -> None:
        self._begin, self._end = begin, end

    def __enter__(self) -> None:
        self._begin()

    def __exit__(self, *_: object) -> None:
        self._end()
