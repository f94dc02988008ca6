"""The whole daemon with a fork server, on a made-up GPU and without a microphone."""

import signal

import psutil
import pytest

from desktop.daemon import Daemon, QuietDesk
from fakes.scripted_engine.sound import make_scene
from fakes.signals import eventually
from patience import PATIENCE_S

pytestmark = pytest.mark.process


@pytest.fixture
def daemon(tmp_path, program, card):
    program.hear(make_scene(1))
    program.gpu = {}
    program.env.update(card.env())
    program.set("asr", device="cuda", cpu_engine="scripted", cpu_model=str(program.manifest))
    program.set("worker", nursery_min_available_mib=0)
    program.set("vram", read_every_absent_s=0.2, idle_ttl_s=0.5)
    program.set("feedback", notifications=False, sounds=False)
    with QuietDesk(tmp_path, program.prepare()) as desk, Daemon(desk, "--sink", "none") as daemon:
        daemon.wait_until(lambda status: status["state"] == "idle", "there")
        yield daemon


def family(daemon):
    return psutil.Process(daemon.pid).children(recursive=True)


def nurseries(daemon):
    """Those that the daemon has started; what they forked has the same command line."""
    started = psutil.Process(daemon.pid).children()
    return [one for one in started if "swictation.worker.forkserver.main" in one.cmdline()]


def serve_on_card(daemon):
    daemon.tell("start")
    return daemon.wait_until(lambda status: status["device"] == "cuda", "on the GPU")


def test_status_names_the_forked_worker_and_idle_nobody_is_there(daemon):
    assert not nurseries(daemon), "nobody dictates"
    status = serve_on_card(daemon)
    (nursery,) = nurseries(daemon)
    assert [one.pid for one in nursery.children()] == [status["worker"]["pid"]]
    daemon.tell("stop")
    daemon.wait_idle()
    assert eventually(lambda: not family(daemon))
    assert (
        daemon.status()["degraded"] is None or "microphone" in daemon.status()["degraded"]["mode"]
    )


@pytest.mark.slow
def test_a_killed_daemon_leaves_nobody_behind(daemon):
    serve_on_card(daemon)
    left = family(daemon)
    assert len(left) >= 2
    daemon.process.send_signal(signal.SIGKILL)
    daemon.process.wait()
    assert psutil.wait_procs(left, timeout=PATIENCE_S)[1] == []


@pytest.mark.slow
def test_a_daemon_that_is_asked_to_end_ends_both_and_is_calm(daemon):
    serve_on_card(daemon)
    left = family(daemon)
    daemon.process.send_signal(signal.SIGTERM)
    assert daemon.process.wait(PATIENCE_S) == 0
    assert not [p for p in left if p.is_running()]
    alarms = ("Traceback", "left running", "this is a bug", "Exception ignored", "never retrieved")
    assert not [alarm for alarm in alarms if alarm in daemon.log_file.read_text()]
