"""A state disk that is full or read-only, a real one of 4 MB: nothing stops, nothing is lost."""

import os
import resource
import shutil
import signal
import subprocess
import sys
import wave

import numpy as np
import pytest

from desktop.daemon import Daemon, QuietDesk
from fakes.bus import PrivateBus
from fakes.disk import Disk
from fakes.scripted_engine.sound import make_scene
from fakes.signals import eventually, numbered
from fakes.spooled import Spooled
from patience import PATIENCE_S
from swictation.doctor.orphaned_audio import find
from swictation.types import SAMPLE_RATE_HZ

pytestmark = pytest.mark.process

SECOND = SAMPLE_RATE_HZ
MADE_UNUSABLE = {"full": lambda disk: disk.fill(), "read-only": lambda disk: disk.read_only()}
MADE_USABLE = {"full": lambda disk: disk.free(), "read-only": lambda disk: disk.read_only(False)}
each_way = pytest.mark.parametrize("way", MADE_UNUSABLE)


@pytest.fixture
def disk(tmp_path):
    with Disk(tmp_path / "disk") as disk:
        yield disk
        disk.read_only(False)


@pytest.fixture
def one(disk):
    one = Spooled(disk.path / "spool")
    yield one
    one.close()


def heard(path):
    with wave.open(str(path)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), np.int16)


def capture(one, seconds):
    """Slowly enough for the disk."""
    for _ in range(seconds):
        one.capture(SECOND)
        end = one.journal.end_sample
        assert eventually(lambda end=end: one.spool.span(0)[1] == end or one.problems)


def test_when_it_can_be_written_again_all_that_waits_is_written(disk, one):
    one.spool.begin(0, 0)
    capture(one, 2)
    one.spool.note(0, "intent", n=1, text="before").result(PATIENCE_S)
    disk.fill()
    capture(one, 3)
    one.spool.end(0, 5 * SECOND)
    one.spool.begin(1, 5 * SECOND)
    one.capture(SECOND)
    one.spool.note(0, "done", n=1, outcome="typed").result(PATIENCE_S)
    one.spool.note(1, "intent", n=2, text="meanwhile").result(PATIENCE_S)
    assert eventually(lambda: one.problems)
    disk.free()
    assert eventually(lambda: one.problems[1:] == [""])
    assert (heard(one.sound(0)) == numbered(0, 5 * SECOND)).all()
    assert (heard(one.sound(1)) == numbered(5 * SECOND, 6 * SECOND)).all()
    assert [next(iter(line)) for line in one.lines(0)] == ["intent", "done"]
    assert one.lines(1) == [{"intent": {"n": 2, "text": "meanwhile"}}]


@pytest.mark.slow
def test_what_there_was_room_for_is_on_disk_and_whole(disk, one):
    one.spool.begin(0, 0)
    for _ in range(3):  # 3.8 MB: more than there is
        one.capture(40 * SECOND)
        assert eventually(lambda: one.spool.span(0)[1] == one.journal.end_sample or one.problems)
    for n in range(500):
        one.spool.note(0, "intent", n=n, text="x" * 1000).result(PATIENCE_S)
    assert eventually(lambda: one.problems)
    on_disk = heard(one.sound())
    assert len(on_disk) > 100 * SECOND
    assert (on_disk == numbered(0, len(on_disk))).all()
    for n, line in enumerate(one.lines()):
        assert line["intent"]["n"] == n


def test_what_is_typed_while_it_is_full_is_no_proof_that_it_is_well(disk, one):
    disk.fill()
    for number in range(3):
        one.spool.begin(number, one.journal.end_sample)
        one.capture(SECOND)
        one.spool.end(number, one.journal.end_sample)
        one.spool.note(number, "intent", n=number, text="x").result(PATIENCE_S)
        assert eventually(lambda: one.problems)
        one.spool.settle(number)
        assert eventually(lambda number=number: one.spool.span(number) == (0, 0))
    assert one.problems == ["no space left on device"]
    disk.free()
    assert eventually(lambda: one.problems[1:] == [""])


# --- the whole program ---------------------------------------------------------------------------


@pytest.fixture
def home(disk, program, own_folders, monkeypatch):
    """State and cache are on that disk."""
    program.hear(make_scene(1, 1))
    program.set("feedback", notifications=False, sounds=False)
    for name in ("STATE", "CACHE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(disk.path / name.lower()))
    return own_folders


def spool_faults(events):
    return [e for e in events if e["event"] == "fault" and e["kind"] == "spool"]


@each_way
def test_a_file_is_transcribed_all_the_same(home, disk, program, way):
    MADE_UNUSABLE[way](disk)
    done = program.play()
    assert (done.code, done.out) == (0, program.scene.text + "\n"), done.err
    assert len(spool_faults(done.events)) == 1
    assert done.is_calm
    plain = program.run("transcribe", program.sound)
    assert (plain.code, plain.out) == (0, program.scene.text + "\n"), plain.err


@each_way
def test_a_daemon_starts_says_so_and_says_when_it_is_well(home, disk, program, tmp_path, way):
    MADE_UNUSABLE[way](disk)
    with (
        QuietDesk(tmp_path, program.prepare()) as desk,
        Daemon(desk, "--sink", "none") as daemon,
    ):
        daemon.wait_ready()
        status = daemon.wait_until(lambda s: (s["degraded"] or {}).get("mode") == "memory only")
        assert str(disk.path) in status["degraded"]["reason"]
        MADE_USABLE[way](disk)
        daemon.wait_event("spool")
        daemon.wait_until(lambda s: (s["degraded"] or {}).get("mode") != "memory only")
        assert len(spool_faults(daemon.events())) == 1


@each_way
def test_a_second_daemon_is_refused_by_the_lock_in_the_runtime_folder(
    home, disk, program, tmp_path, way
):
    MADE_UNUSABLE[way](disk)
    with (
        QuietDesk(tmp_path, program.prepare()) as desk,
        Daemon(desk, "--sink", "none") as daemon,
    ):
        daemon.wait_ready()
        done = second(desk, tmp_path)
        assert f"process {daemon.pid}" in done.stderr
        assert done.returncode == 1


@pytest.mark.slow
@each_way
def test_a_version_that_holds_the_old_lock_alone_keeps_the_new_one_out(
    home, disk, program, tmp_path, way
):
    lock = disk.path / "state" / "swictation" / "daemon.lock"
    lock.parent.mkdir(parents=True)
    lock.touch()
    MADE_UNUSABLE[way](disk)
    with QuietDesk(tmp_path, program.prepare()) as desk:
        code = "import fcntl, sys; f = open(sys.argv[1]); fcntl.flock(f, 2); print(1, flush=True)"
        old = subprocess.Popen(
            [sys.executable, "-c", f"{code}; sys.stdin.read()", str(lock)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        try:
            assert old.stdout.readline() == b"1\n"
            done = second(desk, tmp_path)
        finally:
            old.communicate()
    assert "already running" in done.stderr
    assert done.returncode == 1


def second(desk, tmp_path):
    """Another daemon, on a bus of its own, which is expected to refuse."""
    (tmp_path / "other").mkdir()
    bus = PrivateBus(tmp_path / "other")
    bus.start()
    try:
        return subprocess.run(
            [sys.executable, "-m", "swictation", "run", "--sink", "none"],
            env=desk.environment | {"DBUS_SESSION_BUS_ADDRESS": bus.address},
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
    finally:
        bus.kill()


@pytest.mark.slow
def test_without_any_place_for_a_lock_it_starts_and_warns(home, disk, program, tmp_path):
    disk.read_only()
    with QuietDesk(tmp_path, program.prepare()) as desk:
        desk.environment["XDG_RUNTIME_DIR"] = "/nonexistent"
        with Daemon(desk, "--sink", "none") as daemon:
            daemon.wait_ready()
            assert "no lock is possible at" in daemon.log()


@pytest.mark.slow
def test_what_an_end_costs_while_it_is_full_is_told(home, disk, program):
    gate = program.gate("gate")
    program.set("worker", hang_min_s=PATIENCE_S)
    disk.fill()
    running = program.start_playing()
    with running.wait_at(gate):
        running.wait_for("speech_ended", utterance=1)
        running.send(signal.SIGTERM)
        done = running.finish()
    assert done.code == 130
    assert "kept" not in done.err.splitlines()[-2]
    assert "the sound is lost where it is not on disk: no space left on device" in done.err


class Removed:
    """Somebody removes the folder with all that is in it."""

    def __init__(self, state):
        self._spool = state / "swictation" / "spool"

    def begin(self, process):
        assert eventually(lambda: list(self._spool.rglob("*.wav")))
        for path in self._spool.iterdir():
            shutil.rmtree(path, ignore_errors=True)  # it may be made again in between

    def end(self, process):
        pass


class Limited:
    """No file may be longer than a third of a second of sound: takes no root."""

    def __init__(self, folder):
        pass

    def begin(self, process):
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (10_000, resource.RLIM_INFINITY))

    def end(self, process):
        unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, unlimited)


class Full:
    def __init__(self, folder):
        self._disk = Disk(folder)
        self._disk.__enter__()

    def begin(self, process):
        self._disk.fill()

    def end(self, process):
        self._disk.free()

    def close(self):
        self._disk.__exit__()


@pytest.fixture(params=[Full, Limited, Removed])
def trouble(request, tmp_path, program, monkeypatch):
    """A trouble of the spool's disk, which comes in the midst of the first utterance."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    trouble = request.param(tmp_path / "state")
    trouble.folder = tmp_path / "state" / "swictation" / "spool"
    yield trouble
    if isinstance(trouble, Full):
        trouble.close()


@pytest.mark.slow
def test_what_was_said_before_during_and_after_a_trouble_outlives_a_kill(trouble, program):
    """A file in the microphone's place; its engine stands still."""
    program.hear(make_scene(2, 2, 2))
    program.set("worker", hang_min_s=PATIENCE_S)
    gate = program.gate("gate", times=1)
    running = program.start_playing("--pace", "realtime")
    running.wait_for("speech_started", utterance=0)
    trouble.begin(running.process)
    running.wait_for("fault", kind="spool")
    if not isinstance(trouble, Removed):
        running.wait_for("speech_started", utterance=1)
    trouble.end(running.process)
    running.wait_for("spool", state="recovered")
    running.wait_for("speech_ended", utterance=2)
    assert eventually(lambda: len(finished(trouble.folder)) == 3)
    os.killpg(running.process.pid, signal.SIGKILL)
    running.process.wait()
    gate.unlink()
    assert len(spool_faults(running.events)) == 1
    for number, path in enumerate(finished(trouble.folder)):
        said = program.scene.heard[number]
        assert (heard(path) == program.scene.samples[said.kept_from : said.last]).all()
    (left,) = find(trouble.folder)
    assert left.utterances == 3


def finished(folder):
    """The sounds whose header tells their length, in order."""
    return [path for path in sorted(folder.rglob("*.wav")) if is_finished(path)]


def is_finished(path):
    try:
        with wave.open(str(path)) as file:
            return file.getnframes() * 2 + 44 == path.stat().st_size
    except (OSError, EOFError, wave.Error):
        return False
