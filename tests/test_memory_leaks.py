"""Speech for as long as one likes: memory, open files and threads stay what they are.

    python3 tests/test_memory_leaks.py --duration 30   # minutes; any Python will do
    make test-canary                                   # 60 s of it, among others

The real program hears without a pause as fast as it can, through a real worker: what leaks, leaks
with the work done. On a GPU its memory is watched through NVML; without one the ledger's is.
"""

import os
import sys

if __name__ == "__main__":
    from endurance.restart import run_tests

    arguments = sys.argv[1:]
    if "--duration" in arguments:
        at = arguments.index("--duration")
        os.environ["SWICTATION_LEAK_MINUTES"] = arguments[at + 1]
        del arguments[at : at + 2]
    sys.exit(run_tests(__file__, ["-s", *arguments]))

import numpy as np
import pytest

from endurance import ledger
from endurance.listening import configure, has_card, listen
from endurance.speech import speech
from endurance.watch import table
from fakes.scripted_engine.program import HERE
from tests.bench.corpus import MissingCorpus

pytestmark = pytest.mark.canary
NEEDS_NEMO = False
"""Without it the embedded engine is watched, on recordings."""

MINUTES = float(os.environ.get("SWICTATION_LEAK_MINUTES", "1"))
_LONG_MINUTES = 10
_MOST_AN_HOUR_MIB = 0.5
"""Of sound, where it went on for so long that a slope says something ..."""
_MOST_MIB = {"daemon": 6.0, "worker": 12.0, "card": 8.0}
"""... else from the end of the first fifth to the end, in all."""
_NOISE_MIB = 2.0
"""What an allocator keeps or gives back without meaning anything: less is no slope."""


@pytest.mark.timeout(MINUTES * 60 + 900)
def test_nothing_grows_while_speech_goes_on(own_folders, tmp_path):
    try:
        said = speech()
    except (FileNotFoundError, MissingCorpus) as error:
        pytest.skip(str(error))
    on_card = has_card()
    device = "cuda" if on_card else "cpu"
    configure(said, device)
    heard = listen(said, MINUTES, tmp_path, on_card=on_card)
    print(f"\n{said.engine} on {device}, {MINUTES:g} min, {heard.speed:.1f} times real time")
    print(table(heard.courses, heard.speed))
    if said.text is not None:
        assert heard.text == " ".join([said.text] * heard.rounds), "a word was lost or changed"
    assert _grown(heard) == []


def test_a_cards_memory_stays_what_it_is_in_the_ledgers_books(card, tmp_path, monkeypatch):
    """A worker on the made-up GPU, 400 decodes of all lengths: the allocator's own figures."""
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    figures = ledger.decode_often(tmp_path, 400)
    held = np.array([(each.allocated_mib, each.reserved_mib) for each in figures])
    settled = held[len(held) // 5 :]
    assert np.ptp(settled[:, 0]) == 0.0
    assert settled[-1, 1] <= settled[0, 1]
    assert {(each.ooms, each.retries) for each in figures} == {(0, 0)}


def _grown(heard) -> list[str]:
    """What grew by more than it may."""
    grown: list[str] = []
    for name, course in heard.courses.items():
        who, _, what = name.partition(" ")
        most, by = 0.0, course.growth
        if what == "PSS":
            continue  # it rises when another program that shares its libraries ends
        if what not in ("files", "threads"):
            most = _MOST_MIB[who]
            if MINUTES >= _LONG_MINUTES and what and course.growth > _NOISE_MIB:
                most, by = _MOST_AN_HOUR_MIB, course.slope_an_hour / heard.speed
        if by > most:
            grown.append(f"{name} grew by {by:.2f}, more than {most}")
    return grown
