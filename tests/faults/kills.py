"""Workers killed at any moment, some in pairs on one utterance: where is each word afterwards?

    cd tests; ../.venv/bin/python -m faults.kills --kills 500 --pairs 100

The scripted engine hears a scene as fast as it can be decoded. Each word has to be in the window,
or in the held list, or in a sound that is named as set aside; none in two of them.
"""

import argparse
import asyncio
import logging
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from fakes.eventlines import as_lines
from fakes.scripted_engine.program import HERE
from fakes.scripted_engine.sound import Scene, make_scene, repeated
from faults.dictating import Dictating, words_in
from swictation.doctor.orphaned_audio import quarantined
from swictation.paths import spool_dir

_SCENE = (1, 2, 1)
_AT_LOAD, _WHEN_READY = 0.15, 0.15
"""So many of the single kills; the others while it decodes."""
_DEATHS_OF_PAIRS = (2, 2, 2, 2, 2, 2, 3, 3, 4, 5)
"""Of the workers that decode such an utterance, in turn: those beyond 2 are tries that fail too."""
_PATIENCE_S = 3600.0


@dataclass(frozen=True)
class Plan:
    """Who dies when."""

    scene: Scene
    faults: list[dict[str, Any]]
    when_ready: frozenset[int]
    """Of the workers that become ready, counted from 1."""


@dataclass(frozen=True)
class Toll:
    """What became of the words."""

    words: int
    typed: int
    held: int
    quarantined: int
    twice: int
    missing: int
    disordered: int
    """Words in the window behind one that was said later."""
    kills: int
    pairs: int
    """Utterances that were set aside."""
    retries: Counter[str]
    seconds: float

    @property
    def is_whole(self) -> bool:
        return not (self.missing or self.twice or self.disordered)


def plan(kills: int, pairs: int, seed: int) -> Plan:
    """`kills` in all, twice `pairs` of them in pairs; tries that fail come on top."""
    rng = random.Random(seed)
    singles = kills - 2 * pairs
    at_load, when_ready = round(_AT_LOAD * singles), round(_WHEN_READY * singles)
    decoding = singles - at_load - when_ready
    scene = repeated(make_scene(*_SCENE), (pairs + decoding) // 2 + 2)
    struck = rng.sample(range(len(scene.heard) - len(_SCENE)), pairs + decoding)
    faults = [_dies(scene, n, 1) for n in struck[pairs:]]
    for turn, n in enumerate(struck[:pairs]):
        faults.append(_dies(scene, n, _DEATHS_OF_PAIRS[turn % len(_DEATHS_OF_PAIRS)]))
    loads = rng.sample(range(2, 2 + kills), at_load)
    faults += [{"kind": "signal", "on": "load", "generation": load} for load in loads]
    return Plan(scene, faults, frozenset(rng.sample(range(1, kills), when_ready)))


def _dies(scene: Scene, utterance: int, times: int) -> dict[str, Any]:
    return {"kind": "signal", "covers": scene.heard[utterance].first + 8000, "times": times}


async def run(what: Plan, folder: Path) -> Toll:
    """Let it happen, to the last word that comes by itself."""
    begun_s = time.monotonic()
    async with Dictating(folder, what.scene, what.faults) as desk:
        ready = 0

        def strike(event: str, fields: dict[str, object]) -> None:
            nonlocal ready
            if event == "worker" and fields["state"] == "ready":
                ready += 1
                if ready in what.when_ready:
                    os.kill(int(str(fields["pid"])), signal.SIGKILL)

        desk.events.subscribe(as_lines(strike))
        await desk.dictate(_PATIENCE_S)
        await desk.until(lambda: not _is_anything_due(desk), _PATIENCE_S)
        # Other work for the engine: in these samples are no words.
        await desk.dictate(_PATIENCE_S)
        await desk.until(lambda: not _is_anything_due(desk), _PATIENCE_S)
        await desk.eventually(lambda: _named(desk) == _named_by_doctor())
        return _toll(desk, time.monotonic() - begun_s)


def _is_anything_due(desk: Dictating) -> bool:
    return any(one.is_due for one in desk.retries._asides.values())


def _named_by_doctor() -> set[str]:
    return {str(found.path) for found in quarantined(spool_dir())}


def _named(desk: Dictating) -> set[str]:
    """What `status` names as set aside."""
    return {aside.path for aside in desk.retries.asides}


def _toll(desk: Dictating, seconds: float) -> Toll:
    typed, held = Counter(desk.typed), Counter(desk.held)
    asides = desk.retries._asides.values()
    brought = {word for one in asides for word in words_in(one.typed)}
    kept = {word for one in asides for word in words_in(desk.scene.said(one.number))} - brought
    words = {word.text.strip() for word in desk.scene.words}
    everywhere = typed + held
    states = Counter(str(fields["state"]) for fields in desk.told("retry"))
    return Toll(
        words=len(words),
        typed=len(typed),
        held=len(held),
        quarantined=len(kept),
        twice=sum(count > 1 for count in everywhere.values()) + len(kept & everywhere.keys()),
        missing=len(words - everywhere.keys() - kept),
        disordered=sum(one > next_one for one, next_one in pairwise(desk.typed)),
        kills=len(desk.told("fault", kind="worker")) + states["failed"] + states["waits"],
        pairs=len(desk.told("fault", kind="set-aside")),
        retries=states,
        seconds=seconds,
    )


def _told(toll: Toll) -> str:
    """The rows of docs/testing.md."""
    tried = ", ".join(f"{state} {count}" for state, count in sorted(toll.retries.items()))
    rows = [
        ("workers killed", toll.kills),
        ("utterances set aside (killed in pairs)", toll.pairs),
        ("tries by itself", tried),
        ("words said", toll.words),
        ("... in the window", toll.typed),
        ("... there out of order", toll.disordered),
        ("... in the held list", toll.held),
        ("... in sound that is named", toll.quarantined),
        ("... in two places", toll.twice),
        ("... unaccounted for", toll.missing),
        ("took", f"{toll.seconds:.0f} s"),
    ]
    return "\n".join(f"| {label} | {value} |" for label, value in rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--pairs", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    wishes = parser.parse_args()
    logging.disable()  # a line for each of them says nothing more than the table
    what = plan(wishes.kills, wishes.pairs, wishes.seed)
    with tempfile.TemporaryDirectory() as folder:
        for name in ("CONFIG", "STATE", "CACHE"):
            os.environ[f"XDG_{name}_HOME"] = str(Path(folder, name.lower()))
        os.environ["PYTHONPATH"] = str(HERE)
        sys.path.insert(0, str(HERE))
        toll = asyncio.run(run(what, Path(folder)))
    print(_told(toll))  # noqa: T201
    return 0 if toll.is_whole else 1


if __name__ == "__main__":
    sys.exit(main())
