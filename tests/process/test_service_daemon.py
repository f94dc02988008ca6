"""The real daemon as a real unit: ready, alive, reloaded, restarted, gone."""

import json
from pathlib import Path

import psutil
import pytest

from desktop import systemd
from desktop.systemd import ROOT, UserManager
from fakes.signals import eventually
from patience import starts

pytestmark = [
    pytest.mark.process,
    pytest.mark.slow,
    pytest.mark.skipif(bool(systemd.missing()), reason=systemd.missing() or "-"),
]

UNIT = "swictation.service"
ENGINE = ROOT / "tests" / "fakes" / "scripted_engine"
CONFIG = """\
[asr]
engine = "scripted"
model = "{home}/manifest.json"
[inject]
chain = {chain}
"""


@pytest.fixture(scope="module")
def shared():
    manager = UserManager()
    yield manager
    manager.stop()


@pytest.fixture
def manager(shared):
    """A user with a configuration, whose daemon writes to a file in place of the journal."""
    shared.write(shared.home / "manifest.json", '{"words": []}')
    configure(shared, chain=["none"])
    set_unit(shared, "")
    yield shared
    assert shared.run("swictation", "service", "remove").returncode == 0
    assert "Traceback" not in said(shared)
    assert "this is a bug" not in said(shared)
    (shared.home / "said").unlink(missing_ok=True)


def configure(manager, chain):
    text = CONFIG.format(home=manager.home, chain=json.dumps(chain))
    manager.write(manager.home / "config/swictation/config.toml", text)


def set_unit(manager, settings):
    output = "".join(f"Standard{name}=append:{manager.home}/said\n" for name in ("Output", "Error"))
    manager.write(
        manager.units / f"{UNIT}.d/test.conf",
        f"[Service]\nEnvironment=PYTHONPATH={ENGINE}\nRestartSec=100ms\n{output}{settings}\n",
    )
    manager.systemctl("daemon-reload")


def said(manager):
    path = manager.home / "said"
    return path.read_text() if path.exists() else ""


def install(manager):
    done = manager.run("swictation", "service", "install")
    assert (done.returncode, done.stderr) == (0, ""), said(manager)


def pid(manager):
    return int(manager.show(UNIT, "MainPID"))


def is_running(manager):
    return manager.show(UNIT, "ActiveState") == "active"


def status(manager):
    done = manager.run("swictation", "status", "--json")
    return json.loads(done.stdout) if done.returncode == 0 else {}


def worker_pid(manager):
    return (status(manager).get("worker") or {}).get("pid")


def test_once_started_it_answers(manager):
    install(manager)
    assert status(manager)["pid"] == pid(manager)
    assert status(manager)["state"] == "idle"


def test_without_a_display_it_lives_and_is_degraded(manager):
    configure(manager, chain=["wayland", "x11", "clipboard"])
    install(manager)
    assert status(manager)["pid"] == pid(manager)
    assert status(manager)["degraded"]


def set_watchdog(manager):
    """So many seconds that a daemon that works gives its sign of life before; returns them."""
    seconds = max(2, round(starts(10)))
    set_unit(manager, f"WatchdogSec={seconds}")
    return seconds


def test_a_daemon_that_is_stopped_is_restarted_and_answers_again(manager):
    set_watchdog(manager)
    install(manager)
    old = pid(manager)
    manager.run("kill", "-STOP", str(old))
    assert eventually(lambda: is_running(manager) and pid(manager) not in (0, old))
    assert eventually(lambda: status(manager).get("pid") == pid(manager))


def test_a_worker_that_hangs_is_not_the_daemons_death(manager):
    set_watchdog(manager)
    install(manager)
    old = pid(manager)
    manager.run("swictation", "start")
    assert eventually(lambda: worker_pid(manager))
    worker = worker_pid(manager)
    manager.run("kill", "-STOP", str(worker))
    assert eventually(lambda: worker_pid(manager) not in (None, worker))
    assert pid(manager) == old
    assert manager.show(UNIT, "NRestarts") == "0"
    manager.run("swictation", "cancel")


def test_it_lives_on_with_signs_of_life(manager):
    seconds = set_watchdog(manager)
    install(manager)
    old = pid(manager)
    first = int(manager.show(UNIT, "WatchdogTimestampMonotonic"))

    def beats():
        last = int(manager.show(UNIT, "WatchdogTimestampMonotonic"))
        return last - first > 2e6 * seconds

    assert eventually(beats)
    assert pid(manager) == old


def test_a_reload_keeps_it_running(manager):
    install(manager)
    old = pid(manager)
    assert manager.systemctl("reload", UNIT).returncode == 0
    assert eventually(lambda: is_running(manager))
    assert (pid(manager), status(manager)["pid"]) == (old, old)


def test_a_configuration_that_cannot_be_used_is_told_and_not_tried_again(manager):
    manager.write(manager.home / "config/swictation/config.toml", "[vad]\nthreshold = 7\n")
    done = manager.run("swictation", "service", "install")
    assert (done.returncode, manager.show(UNIT, "LoadState")) == (2, "not-found")
    assert "config.toml:2: [vad] threshold = 7" in done.stderr
    configure(manager, chain=["none"])
    install(manager)
    manager.write(manager.home / "config/swictation/config.toml", "[vad]\nthreshold = 7\n")
    assert manager.systemctl("restart", UNIT).returncode
    assert manager.show(UNIT, "NRestarts") == "0"
    assert "config.toml:2: [vad] threshold = 7" in said(manager)
    for command in ("toggle", "status"):
        done = manager.run("swictation", command)
        assert done.returncode == 3
        assert "The service failed: " in done.stderr
        assert "config.toml:2: [vad] threshold = 7" in done.stderr
        assert "systemctl --user restart swictation" in done.stderr
    configure(manager, chain=["none"])
    manager.systemctl("restart", UNIT)
    assert manager.run("swictation", "toggle").returncode == 0


def test_a_second_one_refuses_to_start(manager):
    install(manager)
    done = manager.run("swictation", "run", PYTHONPATH=str(ENGINE))
    assert done.returncode == 1
    assert str(pid(manager)) in done.stderr
    assert is_running(manager)


def test_a_call_over_the_bus_starts_it(manager):
    install(manager)
    manager.systemctl("stop", UNIT)
    assert manager.show(UNIT, "Result") == "success"
    assert manager.run("swictation", "status").returncode == 3
    assert manager.run("swictation", "toggle").returncode == 0
    assert status(manager)["pid"] == pid(manager)


def test_remove_ends_it_with_all_its_processes(manager):
    install(manager)
    manager.run("swictation", "start")
    assert eventually(lambda: worker_pid(manager))
    family = [psutil.Process(pid(manager)), psutil.Process(worker_pid(manager))]
    done = manager.run("swictation", "service", "remove")
    assert done.returncode == 0
    assert not [process for process in family if process.is_running()]
    assert not manager.services.exists()
    assert not Path(manager.units / UNIT).exists()
