"""The service under a real `systemd --user`: what the unit promises, and `swictation service`.

The unit is the one that is installed; a drop-in puts a small program in the daemon's place.
"""

import fcntl
import subprocess
import sys
from pathlib import Path

import pytest

from desktop import systemd
from desktop.systemd import UserManager
from fakes.signals import eventually
from patience import starts

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(bool(systemd.missing()), reason=systemd.missing() or "-"),
]

UNIT = "swictation.service"
PROGRAM = Path(systemd.__file__).with_name("unit_program.py")
BUS_NAME = "io.github.swictation.Swictation1"


@pytest.fixture(scope="module")
def shared():
    manager = UserManager()
    yield manager
    manager.stop()


@pytest.fixture
def manager(shared):
    """As after a log-in without a desktop: nothing of ours is there, the gate is open."""
    (shared.home / "gate").touch()
    put_in_place(shared, "")
    yield shared
    (shared.home / "gate").touch()
    done = shared.run("swictation", "service", "remove")
    assert done.returncode == 0, done.stderr


def put_in_place(manager, settings):
    """The drop-in: our program, more settings."""
    manager.write(
        manager.units / f"{UNIT}.d/test.conf",
        f"[Service]\nExecStart=\nExecStart={sys.executable} {PROGRAM} {manager.home}/gate\n"
        f"Environment=PYTHONPATH={PROGRAM.parents[1]}\nRestartSec=100ms\n{settings}\n",
    )
    manager.systemctl("daemon-reload")


def install(manager, *options, **environment):
    done = manager.run("swictation", "service", "install", *options, **environment)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def pid(manager):
    return int(manager.show(UNIT, "MainPID"))


def is_running(manager):
    return manager.show(UNIT, "ActiveState") == "active"


def restarted(manager, old):
    return eventually(lambda: is_running(manager) and pid(manager) not in (0, old))


def watchdog():
    """With time enough for one that works."""
    return f"WatchdogSec={max(3, round(starts(10)))}"


def test_install_writes_both_files_starts_the_daemon_and_tells_what_it_did(manager):
    told = install(manager)
    assert f"wrote {manager.units / UNIT}" in told
    assert f"wrote {manager.services / BUS_NAME}.service" in told
    assert f"running (PID {pid(manager)})" in told
    assert is_running(manager)
    assert manager.show(UNIT, "UnitFileState") == "enabled"
    program = Path(sys.executable).with_name("swictation")
    assert f"ExecStart={program} run\n" in (manager.units / UNIT).read_text()


def test_start_waits_until_the_daemon_is_ready(manager):
    (manager.home / "gate").unlink()
    install(manager, "--no-start")
    assert manager.show(UNIT, "ActiveState") == "inactive"
    manager.systemctl("start", "--no-block", UNIT)
    assert eventually(lambda: pid(manager))
    assert manager.show(UNIT, "ActiveState") == "activating"
    (manager.home / "gate").touch()
    assert eventually(lambda: is_running(manager))


def test_installed_once_more_nothing_changes(manager):
    install(manager)
    before, files = pid(manager), sorted(manager.home.glob("config/**/*"))
    told = install(manager)
    assert f"already installed: {manager.units / UNIT}" in told
    assert pid(manager) == before
    assert sorted(manager.home.glob("config/**/*")) == files


@pytest.mark.slow
def test_a_unit_of_an_earlier_version_is_replaced_and_the_daemon_restarted(manager):
    install(manager)
    before, unit = pid(manager), manager.units / UNIT
    wanted = unit.read_text()
    unit.write_text(wanted.replace("Dictation", "Old dictation"))
    told = install(manager)
    assert unit.read_text() == wanted
    assert f"restarted (PID {pid(manager)})" in told
    assert pid(manager) != before


def test_without_a_desktop_target_it_starts_at_log_in_and_knows_the_desktop_by_import(manager):
    told = install(manager, WAYLAND_DISPLAY="wayland-7", SWAYSOCK="/run/sway")
    assert "starts with default.target" in told
    assert "graphical-session.target is not active" in told
    assert "import-environment WAYLAND_DISPLAY SWAYSOCK && systemctl --user restart" in told
    assert manager.show(UNIT, "WantedBy") == "default.target"
    environment = Path(f"/proc/{pid(manager)}/environ").read_text()
    assert "WAYLAND_DISPLAY=wayland-7\0" in environment


@pytest.mark.slow
def test_with_a_desktop_target_it_starts_and_ends_with_the_desktop(manager):
    install(manager)
    desktop = "[Unit]\nBindsTo=graphical-session.target\nBefore=graphical-session.target\n"
    manager.write(manager.units / "desktop.target", desktop)
    manager.systemctl("daemon-reload")
    manager.systemctl("start", "desktop.target")
    told = install(manager)
    assert "starts with graphical-session.target, which is active" in told
    assert manager.show(UNIT, "WantedBy") == "graphical-session.target"
    assert is_running(manager)
    manager.systemctl("stop", "graphical-session.target")
    assert eventually(lambda: manager.show(UNIT, "ActiveState") == "inactive")
    manager.systemctl("start", "desktop.target")
    assert eventually(lambda: is_running(manager))
    manager.systemctl("stop", "graphical-session.target", "desktop.target")


@pytest.mark.slow
def test_a_daemon_that_is_stopped_is_restarted_by_the_watchdog(manager):
    put_in_place(manager, watchdog())
    install(manager)
    old = pid(manager)
    manager.run("kill", "-STOP", str(old))
    assert restarted(manager, old)
    assert manager.show(UNIT, "NRestarts") == "1"


@pytest.mark.slow
def test_a_daemon_whose_run_loop_hangs_is_restarted_and_has_told_its_stacks(manager):
    put_in_place(manager, f"{watchdog()}\nStandardError=append:%h/stderr")
    install(manager)
    old = pid(manager)
    manager.run("kill", "-USR2", str(old))
    assert restarted(manager, old)
    told = (manager.home / "stderr").read_text()
    assert "watchdog: stuck: run loop" in told
    assert "in wait" in told
    assert "Fatal Python error: Aborted" in told


def test_it_ends_in_peace(manager):
    install(manager)
    manager.systemctl("stop", UNIT)
    assert manager.show(UNIT, "ActiveState") == "inactive"
    assert manager.show(UNIT, "Result") == "success"


def test_a_configuration_that_cannot_be_used_is_not_tried_again_and_again(manager):
    put_in_place(manager, "ExecStart=\nExecStart=/bin/sh -c 'exit 2'")
    done = manager.run("swictation", "service", "install")
    assert done.returncode == 1
    assert "the daemon did not start (exit-code)" in done.stderr
    assert "journalctl --user -u swictation -n 20" in done.stderr
    assert manager.show(UNIT, "ActiveState") == "failed"
    assert manager.show(UNIT, "NRestarts") == "0"
    status = manager.run("swictation", "service", "status")
    assert status.returncode == 3
    assert "active     no: it failed (exit-code)\n" in status.stdout
    assert status.stdout.endswith("journalctl --user -u swictation -n 20\n")


def test_a_program_that_is_gone_is_told_with_the_command_that_names_the_new_one(manager):
    install(manager)
    unit = manager.units / f"{UNIT}.d/test.conf"
    text = unit.read_text()
    manager.write(unit, text.replace(f"ExecStart={sys.executable}", "ExecStart=/nowhere/python"))
    manager.systemctl("daemon-reload")
    assert manager.systemctl("restart", UNIT).returncode
    assert eventually(lambda: manager.show(UNIT, "ActiveState") == "failed")
    for command in (["status"], ["toggle"], ["service", "status"], ["doctor", "--quick"]):
        done = manager.run("swictation", *command)
        assert "swictation service install" in done.stdout + done.stderr, command
    manager.write(unit, text)


def hold_lock(manager):
    """The lock of a daemon that runs outside the service, in process 4711."""
    manager.write(manager.home / "runtime/swictation/daemon.lock", "4711\n")
    lock = (manager.home / "runtime/swictation/daemon.lock").open("rb")
    fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


def test_while_another_daemon_runs_install_changes_nothing_and_says_which(manager):
    with hold_lock(manager):
        done = manager.run("swictation", "service", "install")
        assert done.returncode == 1
        assert "already runs outside the service (process 4711)" in done.stderr
        assert "kill 4711), then: swictation service install" in done.stderr
        assert not (manager.units / UNIT).exists()
    install(manager)


def test_a_service_that_failed_too_often_starts_by_the_remedy(manager):
    fixed = manager.home / "fixed"
    program = f"[ -e {fixed} ] && exec {sys.executable} {PROGRAM} {manager.home}/gate"
    put_in_place(
        manager,
        f"ExecStart=\nExecStart=/bin/sh -c '{program}'\n"
        "[Unit]\nStartLimitBurst=2\nStartLimitIntervalSec=1h",
    )
    assert manager.run("swictation", "service", "install").returncode == 1
    assert eventually(lambda: manager.show(UNIT, "ActiveState") == "failed")
    fixed.touch()
    assert manager.systemctl("restart", UNIT).returncode == 1
    told = manager.run("swictation", "status").stderr
    with hold_lock(manager):
        found = manager.run("swictation", "doctor", "--quick").stdout
        assert "another daemon runs outside it (process 4711)" in found
    remedy = told.split("-> ")[1]
    assert manager.run("sh", "-c", remedy).returncode == 0
    assert is_running(manager)
    manager.systemctl("stop", UNIT)


def test_a_call_over_the_bus_starts_the_unit(manager):
    install(manager, "--no-start")
    assert not is_running(manager)
    ping = ("call", BUS_NAME, "/", "org.freedesktop.DBus.Peer", "Ping")
    manager.run("busctl", "--user", *ping)
    assert eventually(lambda: is_running(manager))


def test_remove_leaves_nothing(manager):
    drop_in = manager.units / f"{UNIT}.d"

    def files():
        own = [path for place in ("config", "data", "state") for path in manager.home.glob(place)]
        every = [path for folder in own for path in folder.rglob("*")]
        return sorted(path for path in every if drop_in not in path.parents)

    before, units = files(), manager.systemctl("list-unit-files").stdout
    install(manager)
    old = pid(manager)
    done = manager.run("swictation", "service", "remove")
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        f"removed {manager.units / UNIT}",
        f"removed {manager.services / BUS_NAME}.service",
    ]
    assert files() == before
    assert not Path(f"/proc/{old}").exists()
    assert manager.systemctl("list-unit-files").stdout == units
    assert UNIT not in manager.systemctl("list-units", "--all").stdout
    again = manager.run("swictation", "service", "remove")
    assert (again.returncode, again.stdout) == (0, "nothing is installed\n")


def test_status_tells_how_it_is_and_what_to_type(manager):
    absent = manager.run("swictation", "service", "status")
    assert absent.returncode == 3
    assert absent.stdout == "not installed\n  -> swictation service install\n"
    install(manager)
    running = manager.run("swictation", "service", "status")
    assert running.returncode == 0
    assert f"installed  {manager.units / UNIT}\n" in running.stdout
    assert "enabled    yes, starts with default.target\n" in running.stdout
    assert f"(PID {pid(manager)})\n" in running.stdout
    assert "it says    a unit of a test\n" in running.stdout
    manager.systemctl("stop", UNIT)
    stopped = manager.run("swictation", "service", "status")
    assert stopped.returncode == 3
    assert stopped.stdout.endswith("  -> systemctl --user start swictation\n")


@pytest.mark.slow
def test_a_shell_with_folders_of_its_own_is_told_that_systemd_does_not_look_there(manager):
    elsewhere = str(manager.home / "elsewhere")
    done = manager.run("swictation", "service", "install", XDG_CONFIG_HOME=elsewhere)
    assert done.returncode == 1
    assert f"systemd does not look for units in {elsewhere}/systemd/user" in done.stderr
    manager.run("rm", "-r", elsewhere)


def test_systemd_finds_no_fault_with_the_unit(manager):
    install(manager, "--no-start")
    done = manager.run("systemd-analyze", "verify", "--user", str(manager.units / UNIT))
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("command", ["install", "remove", "status"])
def test_without_systemd_one_is_told_how_to_start_the_daemon_instead(command, tmp_path):
    program = Path(sys.executable).with_name("swictation")
    done = subprocess.run(
        [program, "service", command],
        env={"PATH": str(tmp_path), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == (
        "swictation: There is no systemd on this machine.\n"
        f"  -> instead, put this into your desktop's autostart: {program} run\n"
    )
    assert list(tmp_path.iterdir()) == []
