"""The daemon with a microphone: what was said outlives trouble with the disk, and then a kill."""

import resource
import shutil

import numpy as np
import pytest

from desktop import sound
from desktop.daemon import Daemon, Desk
from fakes.disk import Disk
from fakes.scripted_engine.sound import make_scene, read_wav, ticking
from fakes.signals import eventually
from swictation.doctor.orphaned_audio import find

pytestmark = [
    pytest.mark.desktop,
    pytest.mark.skipif(bool(sound.missing()), reason=f"{sound.missing() or '-'} is missing"),
]

UNLIMITED = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)


@pytest.fixture
def desk(tmp_path, program, monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "XDG_SESSION_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    program.hear(ticking(make_scene(1, 2, 1, 2)))
    program.set("feedback", notifications=False, sounds=False)
    program.set("worker", hang_min_s=100.0)
    with Desk(tmp_path, program.prepare()) as desk:
        yield desk


@pytest.fixture
def spool(tmp_path):
    return tmp_path / "state" / "swictation" / "spool"


@pytest.mark.parametrize("kind", ["full", "limited", "removed"])
def test_what_was_said_meanwhile_is_found_after_a_kill(desk, program, spool, tmp_path, kind):
    gate = program.gate("gate", times=1)
    program.prepare()
    with Disk(tmp_path / "state") as disk, Daemon(desk, "--sink", "none") as daemon:
        daemon.wait_ready()
        daemon.tell("start")
        with desk.microphone.play(program.scene.samples) as player:
            daemon.wait_event("speech_started", 1)
            begin(kind, disk, daemon, spool)
            assert eventually(lambda: spool_faults(daemon))
            if kind != "removed":
                daemon.wait_event("speech_started", 3)
            end(kind, disk, daemon)
            player.wait()
        daemon.tell("stop")
        daemon.wait_event("spool")
        daemon.wait_event("speech_ended", len(daemon.events("speech_started")))
        daemon.wait_until(lambda s: (s["degraded"] or {}).get("mode") != "memory only")
        ended = len(daemon.events("speech_ended"))
        assert eventually(lambda: len(finished(spool)) == ended)
        daemon.process.kill()
        daemon.process.wait()
        gate.unlink()
        assert len(spool_faults(daemon)) == 1
        (left,) = find(spool)
        assert left.utterances == ended
        done = daemon.swictation("transcribe", *map(str, sorted(left.path.glob("*.wav"))))
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip()
        spoken_s = sum((h.last - h.first) / 16_000 for h in program.scene.heard)
        assert left.seconds >= spoken_s - 0.5
        for path in left.path.glob("*.wav"):
            assert np.abs(read_wav(path)).max() > 500, "it is no silence"


def spool_faults(daemon):
    return [event for event in daemon.events("fault") if event["kind"] == "spool"]


def begin(kind, disk, daemon, spool):
    if kind == "full":
        disk.fill()
    elif kind == "limited":
        resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, (30_000, resource.RLIM_INFINITY))
    else:
        assert eventually(lambda: list(spool.rglob("*.wav")))
        for path in spool.iterdir():
            shutil.rmtree(path, ignore_errors=True)  # it may be made again in between


def end(kind, disk, daemon):
    if kind == "full":
        disk.free()
    elif kind == "limited":
        resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, UNLIMITED)


def finished(spool):
    found = []
    for path in sorted(spool.rglob("*.wav")):
        try:
            if len(read_wav(path)) * 2 + 44 == path.stat().st_size:
                found.append(path)
        except EOFError:
            pass
    return found
