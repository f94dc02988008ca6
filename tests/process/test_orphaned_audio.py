"""What a killed process left: `doctor` names it, and what it says to type brings the text."""

import json
import os
import signal
import subprocess
import wave

import pytest

from fakes.scripted_engine.sound import make_scene
from fakes.signals import eventually
from patience import PATIENCE_S

pytestmark = pytest.mark.process


@pytest.fixture
def left(program, spool):
    """The folder of a process that was killed with three utterances waiting for their text."""
    program.hear(make_scene(1, 2, 1))
    program.set("worker", hang_min_s=PATIENCE_S)
    gate = program.gate("gate", times=1)
    running = program.start_playing()
    running.wait_for("speech_ended", utterance=2)
    assert eventually(lambda: len(whole(spool)) == 3)
    os.killpg(running.process.pid, signal.SIGKILL)
    running.process.wait()
    gate.unlink()
    program._faults.clear()
    return whole(spool)[0].parent


def whole(spool):
    found = []
    for path in sorted(spool.rglob("*.wav")):
        try:
            with wave.open(str(path)) as file:
                if file.getnframes() * 2 + 44 == path.stat().st_size:
                    found.append(path)
        except (OSError, EOFError, wave.Error):
            pass
    return found


def told(program):
    """What `doctor` says of the spool."""
    done = program.run("doctor", "--quick", "--json")
    return [check for check in json.loads(done.out)["checks"] if check["name"] == "spool"]


def do(program, command):
    """Type it."""
    return subprocess.run(
        command,
        shell=True,
        env=program.prepare(),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def test_what_it_says_to_type_brings_the_text_and_leaves_nothing(program, left):
    (found,) = told(program)
    done = do(program, found["remedy"])
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 3
    assert all(done.stdout.splitlines())
    assert told(program)[0]["level"] == "ok"
    assert not left.exists()


@pytest.mark.slow
def test_one_that_is_no_sound_does_not_keep_the_others_from_it(program, left):
    (left / "000-000003.wav").touch()
    (left / "000-000004.wav").write_bytes(b"RIFF")
    (left / "000-000005.wav").symlink_to("/etc/passwd")
    os.mkfifo(left / "000-000006.wav")
    with (left / "000-000002.wav").open("r+b") as file:
        file.write(bytes(44))
    first, *others = told(program)
    assert len(others) == 4
    done = do(program, first["remedy"])
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) == 3, "a damaged header costs no sound"
    for one in others:
        done = do(program, one["remedy"].split(" && swictation doctor")[0])
        assert done.returncode == 0, done.stderr
    assert told(program)[0]["level"] == "ok"


@pytest.mark.slow
def test_a_damaged_header_is_read_over_in_the_spool_alone(program, left, tmp_path):
    sound = left / "000-000002.wav"
    with sound.open("r+b") as file:
        file.write(bytes(44))
        file.seek(0, os.SEEK_END)
        file.write(b"x")  # half a sample
    elsewhere = tmp_path / sound.name
    elsewhere.write_bytes(sound.read_bytes())
    done = program.run("transcribe", sound, elsewhere)
    assert done.code == 1
    assert len(done.out.split()) == 3
    assert str(elsewhere) in done.err
    assert done.is_calm


@pytest.mark.slow
def test_transcribe_goes_on_after_whatever_it_cannot_read(program, tmp_path):
    program.hear(make_scene(1))
    (tmp_path / "empty.wav").touch()
    (tmp_path / "cut.wav").write_bytes(b"RIFF")
    (tmp_path / "folder.wav").mkdir()
    (tmp_path / "link.wav").symlink_to("/nowhere")
    bad = sorted(path for path in tmp_path.glob("*.wav") if path != program.sound)
    files = [file for path in bad for file in (path, program.sound)]
    done = program.run("transcribe", *files)
    assert done.code == 1
    assert done.out == (program.scene.text + "\n") * len(bad)
    for path in bad:
        assert str(path) in done.err
    assert done.is_calm
