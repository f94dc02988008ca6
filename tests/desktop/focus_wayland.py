"""The focus moves between two windows under sway while one of them is written to.

`python -m desktop.focus_wayland --trials N` from tests/.
"""

import argparse
import asyncio
import json
import random
import socket
import struct
import sys
import threading
from collections import Counter
from dataclasses import dataclass

from desktop.busy_wayland import focused
from desktop.sway import Sway, WaylandField
from desktop.wayland_stage import Plugged
from swictation.inject.injector import Injection
from swictation.inject.unsafe_characters import LONGEST_WORD
from swictation.inject.wayland.chain import Method
from swictation.inject.wayland.injector import WaylandInjector

PAIRS = (("gtk3", "gtk4"), ("gtk4", "foot"), ("qt6", "gtk3"), ("foot", "gtk4"))
ROUTES: tuple[Method, ...] = ("commit", "type", "paste")
_MAGIC = b"i3-ipc"


class Mover:
    """Moves the focus to and fro, so many times a second; ends where it is told to."""

    def __init__(self, sway: Sway, fields: list[WaylandField], per_s: float) -> None:
        self._pids = [field.process.pid for field in fields]
        self._link = socket.socket(socket.AF_UNIX)
        self._link.settimeout(10)
        self._link.connect(sway.environment["SWAYSOCK"])
        self._pause_s = 1 / per_s
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Mover":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._link.close()

    def focus(self, number: int) -> None:
        """Returns when sway has done it."""
        command = f"[pid={self._pids[number]}] focus".encode()
        self._link.sendall(_MAGIC + struct.pack("=II", len(command), 0) + command)
        head = self._link.recv(14, socket.MSG_WAITALL)
        json.loads(self._link.recv(struct.unpack("=I", head[6:10])[0], socket.MSG_WAITALL))

    def _run(self) -> None:
        number = 1
        while not self._over.wait(self._pause_s):
            self.focus(number)
            number = 1 - number


@dataclass(frozen=True)
class Trial:
    """What became of one text."""

    text: str
    injection: Injection
    here: str
    there: str
    mute_here: bool
    mute_there: bool
    is_open: bool = False
    """Whether nobody can know what of it arrived: the compositor or the window stood still."""

    @property
    def fault(self) -> str:
        """What breaks the promise, or ""."""
        said, arrived = self.text[: self.injection.sent], self.here.split() + self.there.split()
        told = f"{self.injection} here {self.here[-60:]!r} there {self.there!r}"
        # A field that tells nothing does not tell whether it took a word: it counts as not sent.
        is_complete = self.mute_there and self.here == said and self.there in self.text
        if self.mute_here and self.here.startswith(said) and self.text.startswith(self.here):
            is_complete = len(self.here[len(said) :].split()) == 1
        if self.is_open:
            is_complete = not Counter(arrived) - Counter(self.text.split())
        if Counter(arrived) != Counter(said.split()) and not is_complete:
            return f"a word is cut, lost or twice: {told}"
        if len(self.there) > LONGEST_WORD or len(self.there.split()) > 1:
            return f"too much went astray: {told}"
        return ""


async def trial(
    sway: Sway, route: Method, fields: list[WaylandField], dice: random.Random, number: int
) -> Trial:
    """One text, said to the first window."""
    for each in fields:
        await asyncio.to_thread(each.clear)
    words = [f"{number}w{n}{'x' * dice.randrange(9)}" for n in range(dice.randrange(20, 200))]
    text = " ".join(words) + " "
    injector = await WaylandInjector.open(sway.display, (route,))
    try:
        mover = Mover(sway, fields, dice.uniform(2, 50))
        mover.focus(0)
        into = await focused(injector, tells=route == "commit")
        injecting = asyncio.create_task(injector.inject(text, into))
        await _begun(injecting, fields[0], dice)
        with mover:
            injection = await injecting
    finally:
        await injector.close()
    proven = injection.proof is None or await asyncio.wait_for(injection.proof, 60)
    sent = 0 if proven is False else injection.sent
    injection = Injection(injection.outcome, sent, 0, injection.reason)
    here = await asyncio.to_thread(fields[0].settles_on, text[:sent], 0.4)
    there = await asyncio.to_thread(fields[1].settles_on, "", 0.2)
    there = there.replace("\x16", "")  # the paste key itself, in a terminal
    here_is_mute, there_is_mute = (each.kind in ("foot", "qt6") for each in fields)
    return Trial(text, injection, here, there, here_is_mute, there_is_mute, proven is None)


async def _begun(injecting: "asyncio.Task[Injection]", field: WaylandField, dice: random.Random):
    """Most times once a part has arrived: a focus that moves before that stops the whole text."""
    if dice.random() < 0.2:
        await asyncio.sleep(dice.uniform(0.0, 0.1))
        return
    while not injecting.done() and not await asyncio.to_thread(field.text):
        await asyncio.sleep(0.005)


async def storm(sway: Sway, trials: int, seed: int, say) -> tuple[int, Counter]:
    """All pairs and routes in turn: how many broke the promise, and what was seen."""
    dice, seen, faults = random.Random(seed), Counter(), 0
    combinations: list[tuple[tuple[str, str], Method]] = [
        (pair, route)
        for pair in PAIRS
        for route in ROUTES
        if "foot" not in (pair[0],) or route == "type"
    ]
    each = -(-trials // len(combinations))
    for pair, route in combinations:
        fields: list[WaylandField] = []
        for kind in pair:
            fields.append(await asyncio.to_thread(WaylandField, kind, sway))
            await asyncio.to_thread(fields[-1].wait_focused, 60)
        for number in range(each):
            done = await trial(sway, route, fields, dice, number)
            seen["trials"] += 1
            seen[done.injection.outcome] += 1
            seen["astray"] += bool(done.there)
            seen["characters"] = max(seen["characters"], len(done.there))
            if done.fault:
                faults += 1
                say(f"{pair} {route}: {done.fault}")
        for field in fields:
            await asyncio.to_thread(field.stop)
    sway.forget_clipboard()
    return faults, seen


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    options = parser.parse_args()

    def say(line: str) -> None:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()

    with Plugged(Sway()) as sway:
        faults, seen = asyncio.run(storm(sway, options.trials, options.seed, say))
    say(f"seed {options.seed}: {faults} wrong, {dict(seen)}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
