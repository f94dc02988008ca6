"""`swictation doctor` beside real servers: a microphone, windows, a bus with a daemon on it."""

import json
import os
import shutil
import signal
import subprocess
import sys

import pytest

from desktop import sway, x11
from desktop.sound import VirtualMicrophone
from fakes.bus import PrivateBus
from fakes.signals import noise
from swictation import remedies
from swictation.service import systemctl

pytestmark = pytest.mark.desktop

SESSION = ("DISPLAY", "WAYLAND_DISPLAY", "DBUS_SESSION_BUS_ADDRESS", "PULSE_SERVER")


@pytest.fixture
def look():
    """The findings by name, in an environment of this session alone."""

    def run(*options, **environment):
        clean = {name: value for name, value in os.environ.items() if name not in SESSION}
        done = subprocess.run(
            [sys.executable, "-m", "swictation", "doctor", "--json", *options],
            env=clean | environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.stderr == ""
        return {check["name"]: check for check in json.loads(done.stdout)["checks"]}

    return run


@pytest.fixture
def microphone(tmp_path):
    for program in ("pulseaudio", "pactl", "paplay"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    server = VirtualMicrophone(tmp_path)
    server.start()
    yield server
    if server.is_running:
        server.signal(signal.SIGCONT)
    server.kill()


def test_a_microphone_in_which_somebody_speaks_is_fine_with_its_level(look, microphone):
    player = microphone.play(noise(16_000 * 120, -30.0))
    found = look(**microphone.env)
    player.kill()
    player.wait()
    assert found["sound server"]["found"] == "PulseAudio"
    assert found["microphone"]["level"] == "ok", found["microphone"]
    level_dbfs = int(found["microphone"]["found"].rsplit(": ", 1)[1].removesuffix(" dBFS"))
    assert -36 <= level_dbfs <= -24


def test_a_microphone_that_hears_nothing_is_a_warning(look, microphone):
    found = look(**microphone.env)["microphone"]
    assert found["level"] == "warning"
    assert "nothing but silence" in found["found"]
    assert "pactl set-source-mute @DEFAULT_SOURCE@ 0" in found["remedy"]


def test_a_microphone_of_another_name_is_an_error(look, microphone, tmp_path):
    file = tmp_path / "config.toml"
    file.write_text('[audio]\ndevice = "Unobtainable"\n')
    found = look("--config", str(file), **microphone.env)["microphone"]
    assert found["level"] == "error"
    assert "[audio] device = 'Unobtainable' is not there" in found["found"]


def test_a_sound_server_that_was_killed_is_an_error(look, microphone):
    microphone.kill()
    found = look("--quick", **microphone.env)["sound server"]
    assert (found["level"], found["found"]) == ("error", "PulseAudio does not answer")


def test_a_quick_look_does_not_listen(look, microphone):
    assert "microphone" not in look("--quick", **microphone.env)


@pytest.mark.skipif(bool(x11.missing()), reason=f"{x11.missing()} is not installed")
def test_an_x_server_is_opened_to_see_that_text_can_be_typed(look):
    screen = x11.Screen()
    try:
        found = look("--quick", DISPLAY=screen.name)["window"]
    finally:
        screen.close()
    assert found["level"] == "ok", found
    assert f"X11 ({screen.name}): text goes by x11" in found["found"]
    assert "since not by wayland: " in found["found"]


def test_a_display_that_is_gone_is_an_error(look):
    found = look("--quick", DISPLAY=":4711")["window"]
    assert found["level"] == "error"
    assert "\nx11: " in found["found"]


@pytest.mark.skipif(bool(sway.missing()), reason=sway.missing() or "-")
def test_a_compositor_is_opened_to_see_that_text_can_be_typed(look):
    stage = sway.Sway()
    try:
        found = look("--quick", WAYLAND_DISPLAY=stage.display, SWAYSOCK="x")
    finally:
        stage.stop()
    assert found["window"]["level"] == "ok", found["window"]
    assert "text goes by wayland, the first of [inject] chain" in found["window"]["found"]
    assert found["hotkey"]["found"].startswith("sway: add this to ~/.config/sway/config:\nbindsym ")


@pytest.fixture
def bus(tmp_path):
    bus = PrivateBus(tmp_path)
    bus.start()
    yield bus
    bus.kill()


@pytest.fixture
def daemon(bus):
    """One that answers as the daemon does."""
    process = subprocess.Popen(
        [sys.executable, "-m", "fakes.controls"],
        env={
            **os.environ,
            "DBUS_SESSION_BUS_ADDRESS": bus.address,
            "PYTHONPATH": os.pathsep.join(sys.path),
        },
        stdout=subprocess.PIPE,
    )
    assert process.stdout.readline()
    yield process
    process.send_signal(signal.SIGCONT)
    process.kill()
    process.wait()
    process.stdout.close()


def test_without_a_daemon_on_the_bus_one_is_told_how_to_start_it(look, bus):
    found = look("--quick", DBUS_SESSION_BUS_ADDRESS=bus.address)
    assert found["session bus"]["level"] == "ok"
    assert found["session bus"]["found"] == bus.address
    assert found["daemon"]["level"] == "warning"
    assert found["daemon"]["remedy"] == (
        "in a terminal of your desktop: swictation run"
        if systemctl.trouble()
        else "swictation service install"
    )


def test_a_daemon_that_answers_is_fine(look, bus, daemon):
    found = look("--quick", DBUS_SESSION_BUS_ADDRESS=bus.address)["daemon"]
    assert (found["level"], found["found"]) == ("ok", f"idle (PID {daemon.pid})")


def test_a_daemon_that_hangs_is_an_error_that_says_how_to_restart_it(look, bus, daemon):
    daemon.send_signal(signal.SIGSTOP)
    found = look("--quick", DBUS_SESSION_BUS_ADDRESS=bus.address)["daemon"]
    assert found["level"] == "error"
    assert found["remedy"] == remedies.restart()


def test_a_bus_that_is_dead_is_an_error(look, bus):
    bus.kill()
    found = look("--quick", DBUS_SESSION_BUS_ADDRESS=bus.address)
    assert found["session bus"]["level"] == "error"
    assert "daemon" not in found


def test_a_bus_that_never_was_is_a_warning(look, tmp_path):
    address = f"unix:path={tmp_path / 'never'}"
    assert look("--quick", DBUS_SESSION_BUS_ADDRESS=address)["session bus"]["level"] == "warning"
