"""Dictation into a window that stands still: `python -m tests.desktop.busy_daemon --runs N`.

The whole product: microphone, daemon, window. Each word that was composed has to stand in the
window or come out of the held list, once; nobody's clipboard, and no command, may come instead.
"""

import argparse
import contextlib
import dataclasses
import itertools
import math
import os
import random
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from desktop import sound, x11
from desktop.cells import eventually, pairwise
from desktop.daemon import Daemon, Desk
from desktop.field import KINDS, Field, why_not
from desktop.notified import Notified
from desktop.x11 import Screen
from fakes.scripted_engine.program import Program
from fakes.scripted_engine.sound import make_scene, ticking
from fakes.words import is_dealt_out
from swictation.types import SAMPLE_RATE_HZ

MOMENTS = {"speech": ("speech_started", 1), "commit": ("commit", 1), "next": ("speech_started", 2)}
"""The stop comes before the first text, as that is typed, and before the second utterance's."""
STOPS_S = ("1", "3", "8", "20", "60")
TAKES_NOTHING = ("canvas",)
_AROUND_S = 6.0
"""So much is said before the first text and after the window goes on."""


@dataclass(frozen=True)
class Cell:
    """One combination."""

    field: str
    moment: str
    stop_s: str

    def __str__(self) -> str:
        return "-".join((self.field, self.moment, self.stop_s))


@dataclass
class Ending:
    """Where everything is in the end."""

    composed: str = ""
    field: str = ""
    pasted: str = ""
    """What `paste-last` typed into another window, which was well."""
    held: int = 0
    still_held: int = 0
    reason: str = ""
    old: str = ""
    has_run: bool = False
    notices: list[str] = dataclasses.field(default_factory=list)
    spooled: list[str] = dataclasses.field(default_factory=list)
    log: str = ""

    @property
    def faults(self) -> list[str]:
        said, field, pasted = self.composed.split(), self.field.split(), self.pasted.split()
        there = Counter(field) + Counter(pasted)
        lost, odd = Counter(said) - there, there - Counter(said)
        told = "\n".join(self.notices)
        found = {
            "nothing was said": not said,
            f"in neither window: {sorted(lost.elements())}": lost,
            f"too much: {sorted(odd.elements())}": odd,
            "not in order": not (lost or odd or is_dealt_out(said, field, pasted)),
            "a command was run": self.has_run,
            "the clipboard was typed": self.old.strip() in f"{self.field} {self.pasted}",
            "held, and no reason given": self.held and not self.reason,
            "held, and nobody told": self.held and " held" not in told,
            "told again and again": told.count("has not taken") > 1,
            "words in a notification": any(word in told for word in said),
            f"still held: {self.still_held}": self.still_held,
            f"sound is left: {self.spooled}": self.spooled,
            "a bug": "Traceback" in self.log or "this is a bug" in self.log,
        }
        return [what for what, is_so in found.items() if is_so]


def every() -> list[Cell]:
    kinds = [*KINDS, *TAKES_NOTHING]
    cells = [Cell(*values) for values in itertools.product(kinds, MOMENTS, STOPS_S)]
    return [cell for cell in cells if not why_not(cell.field)]


def chosen(seed: int, runs: int) -> list[Cell]:
    """Without `runs` three cells; else few in which each pair of values occurs up to 8 s."""
    kinds = [*KINDS, *TAKES_NOTHING]
    if runs:
        axes = (tuple(kinds), tuple(MOMENTS), STOPS_S[:3], ("-",), ("-",))
        drawn = [Cell(c.field, c.route, c.layout) for c in pairwise(seed, axes)]
        return sorted(set(drawn), key=str)
    dice = random.Random(seed)
    tools = dice.choice([kind for kind in KINDS if kind not in ("tk", "xterm")])
    return [
        Cell(kind, dice.choice(list(MOMENTS)), stop_s)
        for kind, stop_s in (("tk", "3"), ("xterm", "8"), (tools, "3"))
    ]


class BusyDesk:
    """A desk with a window to be stopped. Its clipboards hold a command that would leave a mark."""

    def __init__(self, folder: Path, kind: str) -> None:
        self._parts = contextlib.ExitStack()
        self._mark = folder / "ran"
        self.old = f"touch {self._mark}\n"
        try:
            self._open(folder, kind)
        except BaseException:
            self._parts.close()
            raise

    def _open(self, folder: Path, kind: str) -> None:
        enter = self._parts.enter_context
        self.screen = Screen(x11.own_name())
        self._parts.callback(self.screen.close)
        self.program = Program(folder, ticking(make_scene(1, 2, 1)))
        self._parts.callback(self.program.end)
        self.program.set("feedback", sounds=False)
        self._apart = self.screen.environment | {"DBUS_SESSION_BUS_ADDRESS": "disabled:"}
        mine = {"DISPLAY": self.screen.name, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
        environment = self.program.prepare() | mine
        environment.pop("WAYLAND_DISPLAY", None)
        self.desk = enter(Desk(folder, environment))
        self.notified = enter(Notified(self.desk.bus.address))
        for selection in ("clipboard", "primary"):
            enter(_copied(selection, self.old, self.screen.environment))
        self.field = self.open(kind)
        self.daemon = enter(Daemon(self.desk))
        self.daemon.wait_ready()

    def __enter__(self) -> "BusyDesk":
        return self

    def __exit__(self, *_: object) -> None:
        self._parts.close()

    def open(self, kind: str) -> Field:
        """A window, which has the focus."""
        window = Field(kind, self._apart)
        self._parts.callback(window.stop)
        window.wait_focused()
        return window

    def run(self, cell: Cell) -> Ending:
        """Speak while the window stands still; then look where all of it is."""
        with self.spoken(float(cell.stop_s)) as player:
            self.stop_field(cell.moment)
            thaw = threading.Timer(float(cell.stop_s), self.field.thaw)
            thaw.start()
            player.wait()
            thaw.join()
        self.daemon.tell("stop")
        self.daemon.wait_idle()
        return self.end()

    def stop_field(self, moment: str) -> None:
        """At that moment; returns when the window has missed a text."""
        self.daemon.wait_event(*MOMENTS[moment])
        self.field.freeze()
        self.daemon.wait_event("commit", len(self.daemon.events("commit")) + 1)

    def end(self) -> Ending:
        """What is held goes into another window; where is all of it then?"""
        daemon = self.daemon
        status = daemon.status()
        if self.field.kind not in TAKES_NOTHING:
            # Once it reads again, all that it was told to take is decided.
            status = daemon.wait_until(lambda now: not now["held"].get("pending"), "decided")
        end = Ending(held=status["held"]["texts"], reason=status["held"]["reason"], old=self.old)
        end.field = self.field.settles_on(daemon.committed, 1.5)
        end.pasted = self.paste_elsewhere() if end.held else ""
        status = daemon.status()
        end.still_held = status["held"]["texts"]
        # What follows a held text begins anew, without a space before it.
        end.composed = " ".join(event["text"] for event in daemon.events("commit"))
        end.has_run, end.notices = self._mark.exists(), self.notified.all
        eventually(lambda: str(len(spooled())), "0")
        end.spooled = spooled()
        end.log = daemon.log_file.read_text(errors="replace")
        return end

    @contextlib.contextmanager
    def spoken(self, stop_s: float) -> "Iterator[subprocess.Popen[bytes]]":
        scene = self.program.scene.samples
        times = math.ceil((stop_s + _AROUND_S) * SAMPLE_RATE_HZ / len(scene))
        assert self.daemon.tell("start") == "listening"
        with self.desk.microphone.play(np.tile(scene, times)) as player:
            yield player

    def paste_elsewhere(self) -> str:
        """What is held, typed into a window that is well."""
        kind = self.field.kind
        well = self.open("tk" if kind != "tk" and not why_not("tk") else "gtk3")
        done = self.daemon.swictation("paste-last")
        assert done.returncode == 0, f"{done.stderr}\n{self.daemon.log()}"
        return well.settles_on("?", 1.5)


@contextlib.contextmanager
def _copied(selection: str, text: str, environment: dict[str, str]) -> Iterator[None]:
    """Another program owns that selection."""
    command = ["xclip", "-i", "-quiet", "-selection", selection]
    keeper = subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    assert keeper.stdin
    keeper.stdin.write(text.encode())
    keeper.stdin.close()  # it stays, and serves
    look = ["xclip", "-o", "-selection", selection]

    def now() -> str:
        done = subprocess.run(look, env=environment, capture_output=True, text=True, check=False)
        return done.stdout

    assert eventually(now, text) == text
    try:
        yield
    finally:
        keeper.kill()
        keeper.wait()


def spooled() -> list[str]:
    """The sound that is kept."""
    folder = Path(os.environ["XDG_STATE_HOME"]) / "swictation" / "spool"
    return sorted(path.name for path in folder.rglob("*.wav"))


def missing() -> str:
    """The program that is not installed and needed, or ""."""
    return x11.missing() or sound.missing()


def main() -> int:
    """Run all combinations; 1 if any was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1, help="of each combination")
    parser.add_argument("--only", default="", help="parts of the name, separated by commas")
    parser.add_argument("--longest", type=float, default=60.0, help="no stop longer than this, s")
    options = parser.parse_args()
    wanted = options.only.split(",")
    cells = [
        cell
        for cell in every()
        if float(cell.stop_s) <= options.longest and any(part in str(cell) for part in wanted)
    ]
    wrong = 0
    for cell in cells * options.runs:
        faults = _run(cell)
        wrong += bool(faults)
        sys.stdout.write(f"{'WRONG' if faults else 'right'} {cell} {'; '.join(faults)}\n")
        sys.stdout.flush()
    sys.stdout.write(f"{wrong} wrong of {len(cells) * options.runs}\n")
    return int(bool(wrong))


def _run(cell: Cell) -> list[str]:
    with tempfile.TemporaryDirectory(prefix="busy-") as home:
        for name in ("CONFIG_HOME", "STATE_HOME", "CACHE_HOME", "RUNTIME_DIR"):
            folder = Path(home, name.lower())
            folder.mkdir(mode=0o700)
            os.environ[f"XDG_{name}"] = str(folder)
        folder = Path(home, "desk")
        folder.mkdir(mode=0o700)
        try:
            with BusyDesk(folder, cell.field) as busy:
                end = busy.run(cell)
        except AssertionError as error:
            return [f"broke off: {error}"]
    sys.stdout.write(f"  {len(end.composed.split())} words, held {end.held} ({end.reason})\n")
    return end.faults


if __name__ == "__main__":
    sys.exit(main())
