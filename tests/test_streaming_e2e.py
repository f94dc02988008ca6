"""Streaming through the whole program: what is typed while somebody speaks is what was said.

    python3 tests/test_streaming_e2e.py -k test_gpu_memory_stable

Any Python will do; what follows are pytest's options.
"""

import sys

if __name__ == "__main__":
    from endurance.restart import run_tests

    sys.exit(run_tests(__file__, ["-s", "-rs", *sys.argv[1:]]))

import json
import os
import subprocess

import psutil
import pytest

from canary.tiny.sentences import TEXTS, all_of_them
from endurance import ledger
from endurance.listening import configure, has_card, listen
from endurance.speech import speech
from endurance.watch import table
from fakes.scripted_engine.program import HERE, Running
from tests.bench.corpus import write_wav

pytestmark = pytest.mark.canary

_CARD_MIB = 8.0
_CARD_MINUTES = 1.0


@pytest.fixture
def said():
    try:
        return speech()
    except FileNotFoundError:
        pytest.skip("espeak-ng is missing: scripts/system-packages dev")


@pytest.fixture
def sound(said, own_folders, tmp_path):
    """The six sentences, and a configuration that has them understood."""
    configure(said, "cpu")
    path = tmp_path / "six.wav"
    write_wav(path, all_of_them())
    return path


@pytest.fixture
def play(sound, tmp_path):
    """`play(PACE)` starts the program on the six sentences; its events can be waited for."""
    started = []

    def start(pace):
        command = [sys.executable, "-m", "swictation", "run", "--source", str(sound)]
        command += ["--sink", "stdout", "--pace", pace, "--events", "@"]
        started.append(Running(command, dict(os.environ), tmp_path))
        return started[-1]

    yield start
    for running in started:
        running.end()


def finals(finished):
    return tuple(event["text"].strip() for event in finished.named("final"))


def test_streamed_text_is_the_offline_text(play, sound):
    """At the speed of speech, as fast as it goes, and told afterwards as a file's text."""
    live, fast = play("realtime").finish(), play("fast").finish()
    command = [sys.executable, "-m", "swictation", "transcribe", "--json", str(sound)]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert finals(live) == finals(fast) == TEXTS
    assert json.loads(told)["text"] == " ".join(TEXTS)
    assert live.out == fast.out


def test_it_types_while_somebody_speaks(play):
    """The last sentence at least: while the first are spoken the model may be loading."""
    finished = play("realtime").finish()
    last = len(TEXTS) - 1
    (ended,) = finished.named("final", utterance=last)
    commits = finished.named("commit", utterance=last)
    assert len(commits) > 1
    assert commits[0]["audio_s"] < ended["end_s"] - 0.5


def test_after_its_worker_is_killed_in_mid_sentence_no_word_is_lost_or_typed_twice(play):
    running = play("realtime")
    running.wait_for("commit", utterance=2)
    (worker,) = psutil.Process(running.process.pid).children()
    worker.kill()
    finished = running.finish()
    assert finals(finished) == TEXTS
    assert " ".join(finished.out.split()) == " ".join(TEXTS)
    assert finished.generations == [1, 2]


def test_gpu_memory_stable_on_the_card(said, own_folders, tmp_path):
    if not has_card():
        pytest.skip("no GPU that NVML and torch both see: its memory is not measured here")
    configure(said, "cuda")
    heard = listen(said, _CARD_MINUTES, tmp_path, on_card=True)
    print(f"\n{table(heard.courses, heard.speed)}")
    assert heard.text == " ".join([said.text] * heard.rounds)
    assert heard.courses["card"].growth <= _CARD_MIB


def test_gpu_memory_stable_in_the_ledgers_books(card, tmp_path, monkeypatch):
    """The same without a GPU: once each length of sound was decoded, no more is held."""
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    figures = ledger.decode_often(tmp_path, 120)
    settled = {(each.allocated_mib, each.reserved_mib) for each in figures[20:]}
    assert len(settled) == 1
