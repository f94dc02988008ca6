"""Nothing but capture works: what is said meanwhile is kept, and becomes text afterwards."""

import signal

import pytest

from desktop import sound
from desktop.daemon import Daemon, Desk
from fakes import broken_detector
from fakes.scripted_engine.sound import make_scene, ticking
from fakes.signals import eventually
from patience import PATIENCE_S

pytestmark = [
    pytest.mark.desktop,
    pytest.mark.skipif(bool(sound.missing()), reason=f"{sound.missing() or '-'} is missing"),
]

ALARMS = ("Traceback", "left running", "this is a bug", "Exception ignored", "never retrieved")


@pytest.fixture
def flag(tmp_path):
    """While it is there no detector works."""
    return tmp_path / "broken"


@pytest.fixture
def desk(tmp_path, program, monkeypatch, flag):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "XDG_SESSION_ID"):
        monkeypatch.delenv(name, raising=False)
    program.hear(ticking(make_scene(1, 2)))
    program.set("feedback", notifications=False, sounds=False)
    fails = f"os.path.exists({str(flag)!r})"
    program.env["PYTHONPATH"] = broken_detector.python_path(tmp_path / "shadow", fails)
    with Desk(tmp_path, program.prepare()) as desk:
        yield desk


@pytest.fixture
def daemon(desk):
    with Daemon(desk, "--sink", "none") as daemon:
        daemon.wait_ready()
        yield daemon
    assert not [alarm for alarm in ALARMS if alarm in daemon.log_file.read_text()]


def speak(desk, program, daemon, flag):
    """A dictation, in the middle of which the detector breaks."""
    daemon.tell("start")
    with desk.microphone.play(program.scene.samples) as player:
        daemon.wait_event("speech_started", 1)
        flag.touch()
        player.wait()
    daemon.tell("stop")


def mode(status):
    return status["degraded"]["mode"] if status["degraded"] else ""


def test_what_nobody_heard_is_kept_and_becomes_text(desk, program, daemon, flag, spool):
    speak(desk, program, daemon, flag)
    status = daemon.wait_until(lambda status: mode(status) == "audio-only", "audio-only")
    assert status["state"] == "transcribing"
    assert "broken" in status["degraded"]["reason"]
    assert eventually(lambda: list(spool.rglob("*unheard*.wav")))
    flag.unlink()
    status = daemon.wait_idle(60)
    assert mode(status) == ""
    assert status["loss"] == {"samples": 0}
    words = [word.text.strip() for word in program.scene.words]
    found = [words.index(word) for word in daemon.committed.lower().split()]
    assert len(found) >= 5
    assert found == sorted(set(found))
    assert len([e for e in daemon.events("fault") if e["kind"] == "detector"]) == 1
    assert eventually(lambda: not list(spool.rglob("*.wav")))


def test_what_nobody_heard_to_the_end_stays_on_disk(desk, program, daemon, flag, spool):
    speak(desk, program, daemon, flag)
    assert eventually(lambda: list(spool.rglob("*unheard*.wav")))
    daemon.process.send_signal(signal.SIGTERM)
    assert daemon.process.wait(PATIENCE_S) == 0
    assert (
        "some sound was not searched for speech; the sound is kept" in daemon.log_file.read_text()
    )
    (kept,) = spool.rglob("*unheard*.wav")
    seconds = (kept.stat().st_size - 44) / 32_000
    assert seconds > len(program.scene.samples) / 16_000 - 2.0
