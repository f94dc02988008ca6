"""One text for one sound: at both paces, beside busy loops, with partials, whoever is killed."""

import json
import os
import signal
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest

from patience import PATIENCE_S

pytestmark = [pytest.mark.speech, pytest.mark.slow]

CLIPS = 6
BUSY = "while True: pass"


@pytest.fixture(scope="module")
def joined(speech_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some recordings of several people as one file."""
    manifest = speech_dir / "manifest.jsonl"
    rows = [json.loads(line) for line in manifest.read_text().splitlines()]
    kinds = [row for row in rows if row["kind"] in ("read", "command-slots")]
    sound = []
    for row in kinds[:: len(kinds) // CLIPS][:CLIPS]:
        with wave.open(str(speech_dir / row["audio"])) as clip:
            sound.append(np.frombuffer(clip.readframes(clip.getnframes()), np.int16))
    path = tmp_path_factory.mktemp("joined") / "joined.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(np.concatenate(sound).tobytes())
    return path


@pytest.fixture
def real(program, joined, whisper_model):
    program.set("asr", engine="whisper", model="tiny.en")
    program.set("worker", hang_min_s=PATIENCE_S)
    program.sound = joined
    return program


@pytest.fixture
def text(real) -> str:
    """What `transcribe` makes of it."""
    done = real.run("transcribe", real.sound)
    assert done.code == 0
    assert len(done.out.split()) > 5 * CLIPS
    return done.out


def test_run_writes_what_transcribe_writes_at_both_paces_and_with_partials(real, text):
    assert real.play().out == text
    done = real.play("--pace", "realtime")
    assert done.named("partial")
    assert done.out == text


def test_busy_loops_on_every_core_delay_the_text_and_do_not_change_it(real, text):
    hogs = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(os.cpu_count() or 1)]
    try:
        assert real.play().out == text
    finally:
        for hog in hogs:
            hog.kill()
            hog.wait()


def test_five_workers_killed_one_after_the_other_cost_no_character(real, text):
    running = real.start_playing()
    for generation in range(1, 6):
        ready = running.wait_for("worker", state="ready", generation=generation)
        if generation > 1:  # two deaths without an answer between would set an utterance aside
            running.wait_for("commit")
        os.kill(ready["pid"], signal.SIGKILL)
    done = running.finish()
    assert done.generations[:5] == list(range(1, 6))  # the sixth may come when all is said
    assert done.out == text
