"""The whole product: a recording spoken into a microphone arrives in a window, whatever befalls."""

import os
import signal
import threading
from pathlib import Path

import numpy as np
import pytest

from desktop import field, x11
from desktop.daemon import Daemon, Desk
from desktop.field import Field
from desktop.x11 import Screen
from swictation.audio.wavfile import FileSource
from swictation.types import to_samples

pytestmark = pytest.mark.desktop

FIRST, LAST = "The computer is listening to my voice.", "Not a single word will be lost."


@pytest.fixture
def screen():
    if program := x11.missing():
        pytest.skip(f"{program} is not installed")
    screen = Screen(x11.own_name())
    yield screen
    screen.close()


@pytest.fixture
def desk(tmp_path, own_folders, screen, whisper_model):
    with Desk(tmp_path, screen.environment) as desk:
        yield desk


@pytest.fixture
def window(desk):
    kind = next((kind for kind in ("gtk3", "tk", "gtk4") if not field.why_not(kind)), "")
    if not kind:
        pytest.skip(field.why_not("tk"))
    window = Field(kind, desk.environment | {"DBUS_SESSION_BUS_ADDRESS": "disabled:"})
    window.wait_focused()
    yield window
    window.stop()


@pytest.fixture
def daemon(desk, window):
    with Daemon(desk) as daemon:
        daemon.wait_ready()
        yield daemon


@pytest.fixture
def spoken(sample):
    """The project's recording: two sentences, 6 s, and a second of silence."""
    blocks = []
    FileSource(sample).run(blocks.append, threading.Event())
    return np.concatenate((*blocks, np.zeros(to_samples(1.0), np.int16)))


def speak(desk, daemon, sound):
    """All of it, between two presses of the hotkey."""
    assert daemon.tell("toggle") == "listening"
    with desk.microphone.play(sound) as player:
        player.wait()
    daemon.tell("toggle")
    daemon.wait_idle()


def arrived(window, daemon):
    """What the window holds, which is what the daemon says it committed."""
    text = window.settles_on(daemon.committed)
    assert text == daemon.committed
    return text


def test_what_is_spoken_appears_in_the_focused_window_first_and_last_word_included(
    desk, daemon, window, spoken
):
    speak(desk, daemon, spoken)
    assert arrived(window, daemon) == f"{FIRST} {LAST}"
    status = daemon.status()
    assert status["injector"] == {"name": "x11", "last_outcome": "confirmed", "last_reason": ""}
    assert status["loss"] == {"samples": 0}
    assert status["audio"]["health"] == "closed"


def test_listening_at_once_needs_neither_key_nor_bus(desk, window, spoken):
    """What `make run` does."""
    with Daemon(desk, "--listen", DBUS_SESSION_BUS_ADDRESS="unix:path=/nonexistent") as daemon:
        daemon.wait_event("state")
        assert daemon.events("state")[-1]["state"] == "listening"
        with desk.microphone.play(spoken) as player:
            player.wait()
        assert daemon.end() == 0
        assert arrived(window, daemon) == f"{FIRST} {LAST}"
        assert "Listening: put the cursor" in daemon.log_file.read_text()


def test_two_dictations_go_on_in_one_text(desk, daemon, window, spoken):
    speak(desk, daemon, spoken)
    speak(desk, daemon, spoken)
    assert arrived(window, daemon) == f"{FIRST} {LAST} {FIRST} {LAST}"


@pytest.mark.parametrize("at", ["speech_started", "commit", "speech_ended"])
def test_a_worker_killed_in_mid_sentence_costs_no_word(desk, daemon, window, spoken, at):
    daemon.tell("start")
    with desk.microphone.play(spoken) as player:
        daemon.wait_event(at)
        os.kill(daemon.status()["worker"]["pid"], signal.SIGKILL)
        player.wait()
    daemon.tell("stop")
    daemon.wait_idle()
    assert arrived(window, daemon) == f"{FIRST} {LAST}"
    assert daemon.status()["worker"]["restarts"] == 1


def test_a_bus_that_is_restarted_in_mid_sentence_costs_no_word(desk, daemon, window, spoken):
    daemon.tell("start")
    with desk.microphone.play(spoken) as player:
        daemon.wait_event("speech_started")
        desk.bus.kill()
        desk.bus.start()
        player.wait()
    daemon.wait_until(lambda status: status["state"] == "listening", "on the new bus")
    daemon.tell("stop")
    daemon.wait_idle()
    assert arrived(window, daemon) == f"{FIRST} {LAST}"


def test_a_sound_server_killed_in_mid_sentence_is_waited_for(desk, daemon, window, spoken):
    daemon.tell("start")
    with desk.microphone.play(np.concatenate([spoken] * 2)) as player:
        daemon.wait_event("speech_ended")
        desk.microphone.kill()
        player.wait()
    daemon.wait_until(lambda status: status["audio"]["health"] == "absent", "told")
    assert daemon.status()["degraded"]["mode"] == "no microphone"
    desk.microphone.start()
    daemon.wait_until(lambda status: status["audio"]["health"] == "open", "open again")
    with desk.microphone.play(spoken) as player:
        player.wait()
    daemon.tell("stop")
    daemon.wait_idle()
    text = arrived(window, daemon)
    assert text.startswith(f"{FIRST} {LAST}")
    assert text.endswith(f"{FIRST} {LAST}")
    assert text.count(LAST) == 2, "what was cut off is not said again"
    assert daemon.status()["degraded"] is None


def test_a_sound_server_frozen_in_mid_sentence_loses_nothing(desk, daemon, window, spoken):
    daemon.tell("start")
    with desk.microphone.play(spoken) as player:
        daemon.wait_event("speech_started")
        desk.microphone.signal(signal.SIGSTOP)
        daemon.wait_until(lambda status: status["audio"]["health"] == "silent", "told")
        desk.microphone.signal(signal.SIGCONT)
        player.wait()
    daemon.tell("stop")
    daemon.wait_idle()
    assert arrived(window, daemon) == f"{FIRST} {LAST}"


def test_without_an_x_server_text_is_held_and_typed_when_a_display_is_back(
    desk, daemon, window, spoken, screen
):
    name = screen.name
    window.stop()
    screen.close()
    daemon.tell("start")
    with desk.microphone.play(spoken) as player:
        player.wait()
    daemon.tell("stop")
    status = daemon.wait_idle()
    assert status["held"]["texts"] > 0
    assert status["degraded"]["mode"] == "no window"
    again = Screen(name)
    try:
        later = Field(window.kind, desk.environment | {"DBUS_SESSION_BUS_ADDRESS": "disabled:"})
        later.wait_focused()
        daemon.wait_until(lambda status: status["injector"]["name"] == "x11", "a new injector")
        daemon.tell("paste-last")
        assert later.settles_on(f"{FIRST} {LAST}") == f"{FIRST} {LAST}"
        assert daemon.status()["held"]["texts"] == 0
        later.stop()
    finally:
        again.close()


def test_the_text_stands_in_no_log_and_no_engine_in_the_daemon(desk, daemon, window, spoken):
    speak(desk, daemon, spoken)
    words = {word.strip(".").lower() for word in f"{FIRST} {LAST}".split()}
    log = daemon.log_file.read_text().lower()
    assert not [word for word in words if len(word) >= 6 and word in log]
    mapped = Path(f"/proc/{daemon.pid}/maps").read_text()
    assert not [name for name in ("torch", "onnxruntime", "ctranslate2") if name in mapped]
