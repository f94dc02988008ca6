"""The daemon as a process, on a machine without a microphone: begin, commands, signals, end."""

import json
import os
import re
import signal
import subprocess
import sys

import psutil
import pytest

from desktop.daemon import Daemon, QuietDesk
from fakes.bus import PrivateBus
from fakes.scripted_engine.sound import make_scene
from fakes.signals import eventually
from patience import PATIENCE_S

pytestmark = pytest.mark.process

NO_FEEDBACK = {"notifications": False, "sounds": False}


@pytest.fixture
def desk(tmp_path, program):
    program.hear(make_scene(1))
    program.set("feedback", **NO_FEEDBACK)
    with QuietDesk(tmp_path, program.prepare()) as desk:
        yield desk


@pytest.fixture
def daemon(desk):
    with Daemon(desk, "--sink", "none") as daemon:
        daemon.wait_ready()
        yield daemon


def whole_log(daemon):
    return daemon.log_file.read_text()


def is_calm(daemon):
    """No traceback, no thread left, no bug told."""
    alarms = ("Traceback", "left running", "this is a bug", "Exception ignored", "never retrieved")
    return not [alarm for alarm in alarms if alarm in whole_log(daemon)]


def wait_fault(daemon, kind):
    assert eventually(lambda: any(e["kind"] == kind for e in daemon.events("fault"))), whole_log(
        daemon
    )
    return [e for e in daemon.events("fault") if e["kind"] == kind]


def mode(status):
    return status["degraded"]["mode"] if status["degraded"] else ""


def wait_degraded(daemon, wanted):
    return daemon.wait_until(lambda status: mode(status) == wanted, wanted)


def second(desk, **environment):
    """Another daemon, which is expected to refuse."""
    return subprocess.run(
        [sys.executable, "-m", "swictation", "run", "--sink", "none"],
        env=desk.environment | environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def test_it_is_ready_with_its_engine_and_says_how_it_is(daemon):
    status = daemon.status()
    assert status["state"] == "idle"
    assert status["engine"] == "scripted"
    assert set(status["models"].values()) == {"loaded"}
    assert status["worker"]["state"] == "ready"
    assert status["pid"] == daemon.pid
    assert status["held"] == {"texts": 0, "reason": "", "pending": 0}
    assert status["injector"]["name"] == "none"
    assert status["last_error"] is None or "microphone" in status["last_error"]


def test_commands_open_and_close_it(daemon):
    assert daemon.tell("toggle") == "listening"
    assert daemon.tell("start") == "listening"
    assert daemon.tell("toggle") != "listening"
    daemon.wait_idle()
    assert daemon.tell("start") == "listening"
    daemon.tell("stop")
    daemon.wait_idle()
    daemon.tell("start")
    daemon.tell("cancel")
    daemon.wait_idle()
    assert is_calm(daemon)


@pytest.mark.slow
def test_without_a_microphone_it_listens_for_one_and_says_so(daemon):
    daemon.tell("start")
    wait_degraded(daemon, "no microphone")
    daemon.tell("stop")
    daemon.wait_idle()


def test_there_is_no_text_to_paste(daemon):
    done = daemon.swictation("paste-last")
    assert done.returncode == 1
    assert "no text yet" in done.stderr


@pytest.mark.slow
def test_a_capture_without_speech_ends_with_5(daemon):
    done = daemon.swictation("capture")
    assert (done.returncode, done.stdout) == (5, "")
    assert "no sound comes from the microphone" in done.stderr
    daemon.wait_idle()


def test_a_second_one_on_the_same_bus_is_refused(daemon, desk):
    done = second(desk)
    assert done.returncode != 0
    assert "already running" in done.stderr
    assert str(daemon.pid) in done.stderr
    assert "Traceback" not in done.stderr
    assert daemon.status()["pid"] == daemon.pid


SLOW_SOUND = """
import os, threading
kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
os.dup2(nowhere, 2)
threading.Event().wait(3)
os.dup2(kept, 2)
raise OSError("PortAudio library not found")
"""


def test_a_refusal_is_told_however_long_sound_takes_to_load(daemon, desk, tmp_path):
    """As `sounddevice` does: while it loads, what is written to stderr is lost."""
    (tmp_path / "sounddevice.py").write_text(SLOW_SOUND)
    path = f"{tmp_path}{os.pathsep}{desk.environment['PYTHONPATH']}"
    done = second(desk, PYTHONPATH=path)
    assert done.returncode == 1
    assert "already running" in done.stderr


@pytest.mark.slow
def test_a_second_one_on_another_bus_is_refused_for_the_same_state_folder(daemon, desk, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    bus = PrivateBus(tmp_path / "elsewhere")
    bus.start()
    try:
        done = second(desk, DBUS_SESSION_BUS_ADDRESS=bus.address)
    finally:
        bus.kill()
    assert done.returncode != 0
    assert f"process {daemon.pid}" in done.stderr
    assert "  -> " in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_second_one_on_the_same_bus_is_refused_for_another_state_folder(daemon, desk, tmp_path):
    done = second(desk, XDG_STATE_HOME=str(tmp_path / "other"))
    assert done.returncode != 0
    assert "already running" in done.stderr
    assert "Traceback" not in done.stderr


def test_after_a_kill_the_next_one_starts(desk):
    with Daemon(desk, "--sink", "none") as first:
        worker = psutil.Process(first.wait_ready()["worker"]["pid"])
        first.process.kill()
        first.process.wait()
        assert eventually(lambda: not worker.is_running() or worker.status() == "zombie")
    with Daemon(desk, "--sink", "none") as second_one:
        second_one.wait_ready()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("state", ["idle", "listening"])
def test_a_signal_ends_it_and_nothing_is_left(daemon, desk, own_folders, number, state):
    if state == "listening":
        daemon.tell("start")
    worker = psutil.Process(daemon.status()["worker"]["pid"])
    daemon.process.send_signal(number)
    assert daemon.process.wait(PATIENCE_S) == 0
    assert not worker.is_running() or worker.status() == "zombie"
    assert daemon.events("state")[-1]["state"] == "stopped"
    assert is_calm(daemon), whole_log(daemon)
    state_folder = own_folders / "state" / "swictation"
    assert [path.name for path in state_folder.rglob("*") if path.is_file()] == ["daemon.lock"]
    assert daemon.swictation("status").returncode == 3


def test_a_hung_worker_does_not_hold_the_end_up(daemon):
    worker = psutil.Process(daemon.status()["worker"]["pid"])
    worker.suspend()
    daemon.process.send_signal(signal.SIGTERM)
    assert daemon.process.wait(PATIENCE_S) == 0
    assert not worker.is_running() or worker.status() == "zombie"


@pytest.mark.slow
def test_all_stacks_are_dumped_on_request(daemon):
    daemon.process.send_signal(signal.SIGUSR1)
    assert eventually(lambda: whole_log(daemon).count("(most recent call first)") >= 3)
    assert daemon.status()["state"] == "idle"


@pytest.mark.slow
def test_a_new_configuration_is_read_on_request(daemon, program):
    other = program.folder / "other-manifest.json"
    other.write_bytes(json.dumps({"words": []}).encode())
    program.set("asr", model=str(other))
    program.prepare()
    daemon.process.send_signal(signal.SIGHUP)
    daemon.wait_until(lambda status: status["model"] == str(other), "the other model")
    status = daemon.wait_ready()
    assert status["worker"]["generation"] == 2
    assert "the configuration is read again" in whole_log(daemon)
    assert not [event for event in daemon.events("fault") if event["kind"] == "worker"]


@pytest.mark.slow
def test_many_requests_to_read_it_leave_one_engine(daemon, program):
    for number in range(5):
        other = program.folder / f"manifest-{number}.json"
        other.write_bytes(json.dumps({"words": []}).encode())
        program.set("asr", model=str(other))
        program.prepare()
        daemon.process.send_signal(signal.SIGHUP)
    daemon.wait_until(lambda status: status["model"].endswith("-4.json"), "the last model")
    daemon.wait_ready()
    assert len(psutil.Process(daemon.pid).children()) == 1
    assert daemon.status()["worker"]["deaths"] == 0, "they were replaced as planned"


def test_a_bad_configuration_leaves_the_old_one_and_says_why(daemon, program, own_folders):
    path = own_folders / "config" / "swictation" / "config.toml"
    path.write_text("[asr]\nmodle = 'auto'\n[vad]\nthreshold = 7\n")
    daemon.process.send_signal(signal.SIGHUP)
    (fault,) = wait_fault(daemon, "config")
    assert "the old configuration stays" in fault["message"]
    assert "modle" in fault["message"]
    assert "threshold" in fault["message"]
    assert "the old configuration stays" in daemon.status()["last_error"]
    assert daemon.status()["engine"] == "scripted"
    program.prepare()
    daemon.process.send_signal(signal.SIGHUP)
    assert eventually(lambda: "is read again" in whole_log(daemon))
    assert is_calm(daemon)


def test_a_daemon_in_a_terminal_is_started_again_by_hand(daemon, program, own_folders):
    """Although a service is installed: to restart that would start a second one."""
    for place in ("runtime/systemd/private", "config/systemd/user/swictation.service"):
        (own_folders / place).parent.mkdir(parents=True)
        (own_folders / place).write_text("")
    program.set("inject", max_age_s=20.0)
    program.prepare()
    daemon.process.send_signal(signal.SIGHUP)
    assert eventually(lambda: "is read again" in whole_log(daemon))
    assert "[inject] takes effect after a restart: end it with Ctrl-C" in whole_log(daemon)
    assert "systemctl" not in whole_log(daemon)


@pytest.mark.slow
def test_a_hostile_configuration_is_refused_and_holds_nothing_up(daemon, program, own_folders):
    path = own_folders / "config" / "swictation" / "config.toml"
    deep = "a." * 20_000 + "a = 1\n"
    for told, make in (
        ("too deeply nested", lambda: path.write_text(deep)),
        ("above 64 KiB", lambda: os.truncate(path, 2**31)),
        ("everybody may write there", lambda: path.chmod(0o666)),
        ("a pipe or a device", lambda: (path.unlink(), os.mkfifo(path))),
    ):
        before = len(daemon.events("fault"))
        make()
        daemon.process.send_signal(signal.SIGHUP)
        assert eventually(lambda before=before: len(daemon.events("fault")) > before)
        assert told in daemon.events("fault")[-1]["message"]
        assert daemon.status()["engine"] == "scripted"
    path.unlink()
    program.prepare()
    daemon.process.send_signal(signal.SIGHUP)
    assert eventually(lambda: "is read again" in whole_log(daemon))
    daemon.process.send_signal(signal.SIGHUP)
    daemon.process.send_signal(signal.SIGTERM)
    assert daemon.process.wait(PATIENCE_S) == 0
    assert is_calm(daemon)


@pytest.mark.slow
def test_an_engine_that_loads_slowly_is_not_waited_for(desk, program):
    gate = program.gate("gate", "load", times=1)
    program.prepare()
    with Daemon(desk, "--sink", "none") as daemon:
        status = daemon.wait_until(lambda status: status["worker"]["state"] == "loading", "loading")
        assert status["state"] == "idle"
        assert not status["ready"]
        assert set(status["models"].values()) == {"loading"}
        assert daemon.tell("toggle") == "listening"
        daemon.tell("cancel")
        with open(gate, "wb"):
            pass
        assert set(daemon.wait_ready()["models"].values()) == {"loaded"}


@pytest.mark.slow
def test_an_engine_that_cannot_load_is_told_and_mended_when_it_can(desk, program):
    program.set("asr", cpu_engine="")  # nobody stands in for it
    program.prepare()
    program.manifest.unlink()
    with Daemon(desk, "--sink", "none") as daemon:
        status = wait_degraded(daemon, "no engine")
        assert "There is no manifest" in status["degraded"]["reason"]
        assert status["degraded"]["reason"].endswith(" -> write one")
        assert "write one" in whole_log(daemon)
        assert "\n  -> write one" in daemon.swictation("status").stdout
        assert not status["ready"]
        assert wait_fault(daemon, "engine")[0]["remedy"] == "write one"
        program.prepare()
        daemon.tell("start")  # somebody wants to speak: it is tried at once
        daemon.tell("cancel")
        status = daemon.wait_ready()
        assert mode(status) != "no engine"
        assert is_calm(daemon)


@pytest.mark.slow
def test_a_worker_that_dies_at_every_start_keeps_the_daemon_alive(desk, program):
    program.fault("exit", "load", times=5)
    program.prepare()
    with Daemon(desk, "--sink", "none") as daemon:
        status = wait_degraded(daemon, "no engine")
        assert status["worker"]["restarts"] >= 3
        assert status["worker"]["deaths"] >= 3

        def is_mended(status):
            daemon.tell("start")
            daemon.tell("cancel")
            return status["ready"] and mode(status) != "no engine"

        daemon.wait_until(is_mended, "mended")


def test_a_model_that_nobody_knows_is_told(desk, program):
    program.set("asr", engine="whisper", model="enormous")
    program.prepare()
    with Daemon(desk, "--sink", "none") as daemon:
        status = wait_degraded(daemon, "no engine")
        assert set(status["models"].values()) == {"failed"}
        assert not status["ready"]
        assert is_calm(daemon)


def test_a_command_line_that_makes_no_sense_is_told(desk):
    done = subprocess.run(
        [sys.executable, "-m", "swictation", "run", "--language", "klingon"],
        env=desk.environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 2
    assert "klingon" in done.stderr


def test_without_a_bus_it_refuses_with_a_remedy(desk):
    desk.bus.kill()
    done = second(desk)
    assert done.returncode == 1
    assert re.search(r"^swictation: .*bus", done.stderr, re.MULTILINE)
    assert "Traceback" not in done.stderr
    assert os.listdir(desk.folder)


def test_a_key_that_is_not_known_shows_in_the_status_after_a_reload(daemon, program):
    program.set("feedback", notifcations=False)
    program.prepare()
    daemon.process.send_signal(signal.SIGHUP)
    told = "unknown key [feedback] notifcations: did you mean 'notifications'?"
    daemon.wait_until(lambda status: told in (status["last_error"] or ""), told)
