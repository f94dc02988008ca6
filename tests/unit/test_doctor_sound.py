import socket
import tempfile
from pathlib import Path

import pytest

from swictation.doctor.sound import find_servers, judge_absent, judge_level

pytestmark = pytest.mark.unit


@pytest.fixture
def runtime():
    """A runtime folder with a name short enough for sockets."""
    with tempfile.TemporaryDirectory(prefix="sw", dir="/tmp") as folder:
        (Path(folder) / "pulse").mkdir()
        yield Path(folder)


@pytest.fixture
def listen():
    """Let somebody listen at a path."""
    sockets = []

    def bind(path, *, answers=True):
        listener = socket.socket(socket.AF_UNIX)
        sockets.append(listener)
        listener.bind(str(path))
        if answers:
            listener.listen()

    yield bind
    for listener in sockets:
        listener.close()


def servers(runtime, **environment):
    return find_servers({"XDG_RUNTIME_DIR": str(runtime), **environment})


def test_without_sockets_there_is_no_server(runtime):
    assert servers(runtime) == ([], [])
    assert find_servers({}) == ([], [])


def test_pulseaudio_is_found_where_it_listens(runtime, listen):
    listen(runtime / "pulse/native")
    assert servers(runtime) == (["PulseAudio"], [])


def test_what_answers_for_pulseaudio_beside_pipewire_is_pipewires_own(runtime, listen):
    listen(runtime / "pulse/native")
    listen(runtime / "pipewire-0")
    assert servers(runtime) == (["PipeWire"], [])


def test_a_socket_whose_server_is_gone_is_told(runtime, listen):
    listen(runtime / "pipewire-0", answers=False)
    assert servers(runtime) == ([], ["PipeWire"])


@pytest.mark.parametrize("form", ["unix:{}", "{}"])
def test_the_environment_may_name_another_place(runtime, listen, form):
    listen(runtime / "mine")
    assert servers(runtime, PULSE_SERVER=form.format(runtime / "mine")) == (["PulseAudio"], [])


@pytest.mark.parametrize(
    ("level_dbfs", "level", "told"),
    [
        (-32.4, "ok", "Headset: -32 dBFS"),
        (-84.0, "ok", "Headset: -84 dBFS"),
        (float("-inf"), "warning", "Headset: nothing but silence"),
        (None, "error", "Headset: opened, but no sound comes"),
    ],
)
def test_a_level_is_held_against_silence(level_dbfs, level, told):
    found = judge_level("Headset", level_dbfs)
    assert (found.level, found.found) == (level, told)
    assert bool(found.remedy) == (level != "ok")


def test_without_a_microphone_it_matters_what_was_wished_and_what_else_is_there():
    assert judge_absent("default", "none", has_server=False).level == "warning"
    behind = judge_absent("default", "none", has_server=True)
    assert behind.level == "error"
    assert "pactl list short sources" in behind.remedy
    named = judge_absent("Headset", "No input device", has_server=True)
    assert named.level == "error"
    assert "'Headset' is not there: No input device" in named.found
