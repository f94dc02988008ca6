"""A window under sway that is stopped while it is spoken to: what stands in it, what is told.

`python -m desktop.busy_wayland --runs N` from tests/ runs all combinations.
"""

import argparse
import asyncio
import contextlib
import itertools
import os
import random
import subprocess
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing.util import Finalize

from desktop.cells import pairwise
from desktop.field import why_not
from desktop.sway import Sway, WaylandField, end
from desktop.wayland_stage import Plugged
from swictation.inject.injector import Injection, Target
from swictation.inject.wayland.chain import METHODS, Method
from swictation.inject.wayland.injector import WaylandInjector

WAYS: dict[str, tuple[Method, ...]] = {"all": METHODS, "paste": ("paste",)}
FIELDS = (
    "gtk3-all", "gtk4-all", "qt6-all", "chromium-all", "foot-all",
    "gtk3-paste", "gtk4-paste", "qt6-paste", "chromium-paste",
)  # fmt: skip
STOPS = ("1", "3", "8", "20", "60")
MOMENTS = ("before", "after", "within")
MANAGERS = ("alone", "watched")
AXES = (FIELDS, STOPS, MOMENTS, MANAGERS)
PATIENCE_S = 2.0
"""As delivery: what follows an unproven text waits for it a little, then it is tried."""
_SENTENCE = "the quick brown fox — señor Größe — jumps over the lazy dog and says so again. "
TEXTS = ("Well, ", "one moment please, ", _SENTENCE * 9, "then ", "two more words, ", "the end. ")


@dataclass
class Account:
    """What was said, in pieces, and what became of each by the injector's word."""

    pieces: list[tuple[str, bool]] = field(default_factory=list)
    """Text and whether it is said to have arrived."""
    outcomes: list[str] = field(default_factory=list)

    @property
    def arrived(self) -> str:
        return "".join(text for text, has_arrived in self.pieces if has_arrived)

    @property
    def said(self) -> str:
        return "".join(text for text, _ in self.pieces)

    def held(self) -> str:
        return "".join(text for text, has_arrived in self.pieces if not has_arrived)


class Speaker:
    """Puts texts into a window one after the other, as delivery does."""

    def __init__(self, injector: WaylandInjector, into: Target) -> None:
        self._injector = injector
        self._into = into
        self._open: list[tuple[str, Injection]] = []

    async def say(self, text: str) -> None:
        injection = await self._injector.inject(text, self._into)
        self._open.append((text, injection))
        if getattr(injection, "proof", None) is not None:
            await asyncio.wait([injection.proof], timeout=PATIENCE_S)

    async def account(self, within_s: float = 60.0) -> Account:
        """Once all proofs are there."""
        account = Account()
        for text, injection in self._open:
            arrived = injection.outcome != "refused"
            if getattr(injection, "proof", None) is not None:
                arrived = await asyncio.wait_for(injection.proof, within_s)
            account.pieces.append((text[: injection.sent], arrived))
            account.pieces.append((text[injection.sent :], False))
            account.outcomes.append(f"{injection.outcome} {injection.sent}/{len(text)}")
        return account


class Desk:
    """A sway with an old clipboard whose content runs a command, and one window in it."""

    def __init__(self) -> None:
        self._plugged = Plugged(Sway())
        self.sway = self._plugged.__enter__()
        self._copied: list[subprocess.Popen[bytes]] = []
        self._field: WaylandField | None = None
        self.mark = self.sway.directory / "RAN"
        self.old = f"\ntouch {self.mark}\n"

    def copy(self) -> None:
        """As a user does."""
        self._copied.append(self.sway.spawn("wl-copy", "-f", self.old))
        deadline_s = time.monotonic() + 10
        while self.pasted() != self.old:
            assert time.monotonic() < deadline_s
            threading.Event().wait(0.05)

    def press_another_keyboard(self) -> None:
        """Once: all windows get its keymap, and then ours."""
        self._plugged.press()

    def pasted(self) -> str:
        """What another program would paste."""
        try:
            return self.sway.output("wl-paste", "-n").decode()
        except subprocess.CalledProcessError:
            return ""

    def pasted_in_the_end(self, within_s: float = 25.0) -> str:
        """As soon as that is the old content, else when the time is over."""
        deadline_s = time.monotonic() + within_s
        while self.pasted() != self.old and time.monotonic() < deadline_s:
            threading.Event().wait(0.1)
        return self.pasted()

    @contextlib.contextmanager
    def managers(self, kind: str):
        """Programs that read all that is copied."""
        watchers = [
            self.sway.spawn("wl-paste", "--watch", *command)
            for command in (["cat"], ["sh", "-c", "cat | cat"])
            if kind == "watched"
        ]
        yield
        for watcher in watchers:
            end(watcher)

    def field(self, kind: str) -> WaylandField:
        """The only window, focused and empty."""
        if (
            self._field is None
            or self._field.kind != kind
            or self._field.process.poll() is not None
        ):
            self.leave()
            self._field = WaylandField(kind, self.sway)
        self._field.wait_focused(90)
        self._field.clear()
        return self._field

    def leave(self) -> None:
        if self._field is not None:
            self._field.stop()
            self._field = None

    def clear(self) -> None:
        """Nothing is left of what was shown and copied."""
        self.leave()
        while self._copied:
            end(self._copied.pop())
        self.sway.forget_clipboard()

    def close(self) -> None:
        self.clear()
        self._plugged.__exit__()


def shown(desk: Desk, kind: str) -> WaylandField:
    """Skips the test where there is no such field."""
    import pytest

    if reason := why_not(kind):
        pytest.skip(reason)
    return desk.field(kind)


async def focused(injector: WaylandInjector, *, tells: bool) -> Target:
    """The focused window, once its text field is known if it `tells`.

    A field that never tells of itself, as now and then on a loaded machine, is skipped: what is
    to be tested has not begun.
    """
    import pytest

    try:
        async with asyncio.timeout(40):
            while True:
                found = await injector.focus()
                if isinstance(found, Target) and (not tells or found.is_password is not None):
                    return found
                await asyncio.sleep(0.05)
    except TimeoutError:
        pytest.skip("the text field never told of itself")


async def speak(desk: Desk, cell: tuple[str, ...], seed: int) -> tuple[Account, str, str]:
    """One cell: what became of the texts, what the window holds, what the clipboard has."""
    name, stopped_s, moment, manager = cell
    kind, way = name.split("-")
    dice = random.Random(f"{cell}{seed}")
    window = await asyncio.to_thread(desk.field, kind)
    await asyncio.to_thread(desk.copy)
    injector = await WaylandInjector.open(desk.sway.display, WAYS[way])
    with desk.managers(manager):
        try:
            into = await focused(injector, tells=way == "all" and kind != "foot")
            speaker = Speaker(injector, into)
            thaw = threading.Timer(float(stopped_s), window.thaw)
            delay_s = {
                "before": 0.0,
                "after": dice.uniform(0, 0.08),
                "within": dice.uniform(0, 0.5),
            }
            when = {"before": 1, "after": 1, "within": 2}[moment]
            for number, text in enumerate(TEXTS):
                if number == when:
                    freeze = threading.Timer(delay_s[moment], window.freeze)
                    freeze.start()
                    if moment == "before":
                        freeze.join()
                    thaw.start()
                await speaker.say(text)
            await asyncio.to_thread(thaw.join)
            account = await speaker.account()
            held = await asyncio.to_thread(window.settles_on, account.arrived, 2.0)
            pasted = await asyncio.to_thread(desk.pasted_in_the_end)
            return account, held, pasted
        finally:
            window.thaw()
            await injector.close()


def fault(desk: Desk, cell: tuple[str, ...], seed: int) -> str:
    """What is wrong in a cell, or ""."""
    try:
        account, held, pasted = asyncio.run(speak(desk, cell, seed))
    except Exception as error:  # noqa: BLE001 - a cell must not end the others
        desk.leave()
        return f"{type(error).__name__}: {error}"
    if account.said != "".join(TEXTS):
        return f"pieces do not add up: {account.outcomes}"
    if held != account.arrived:
        return f"holds {held!r}, told {account.arrived!r}: {account.outcomes}"
    if desk.mark.exists():
        return "a command ran"
    return "" if pasted == desk.old else f"the clipboard has {pasted!r}: {account.outcomes}"


def chosen(seed: int) -> list[tuple[str, ...]]:
    """Each pair of values, but for the long stops."""
    axes = (FIELDS, STOPS[:3], MOMENTS, MANAGERS)
    padded = (*axes, ("",)) if len(axes) < 5 else axes
    return [(c.field, c.route, c.layout, c.disturbance) for c in pairwise(seed, padded)]


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


_desk: Desk | None = None
_kind = ""


def _work(job: tuple[tuple[str, ...], int]) -> tuple[tuple[str, ...], str]:
    global _desk
    if _desk is None:
        _desk = Desk()
        Finalize(None, _desk.close, exitpriority=1)
    return job[0], fault(_desk, *job)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2 * (os.cpu_count() or 1))
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--only", default="", help="cells with all of these words")
    parser.add_argument("--pairwise", action="store_true", help="a cut, as the tests run it")
    chosen_by = parser.parse_args()
    cells = chosen(chosen_by.seed) if chosen_by.pairwise else list(itertools.product(*AXES))
    wanted = chosen_by.only.split()
    cells = [c for c in cells if all(word in "-".join(c).split("-") for word in wanted)]
    cells = [c for c in cells if not why_not(c[0].partition("-")[0])]
    jobs = [(cell, chosen_by.seed + run) for run in range(chosen_by.runs) for cell in cells]
    faults = 0
    with ProcessPoolExecutor(chosen_by.jobs) as pool:
        for cell, wrong in pool.map(_work, jobs):
            faults += bool(wrong)
            _say(f"{'-'.join(cell)}: {wrong[:700] or 'right'}")
    _say(f"seed {chosen_by.seed}: {len(jobs)} runs, {faults} wrong")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
