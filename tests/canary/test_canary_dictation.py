"""The whole product with Canary: what is spoken into a microphone arrives in a window."""

import os
import signal

import pytest

from canary.tiny.sentences import TEXTS, all_of_them
from desktop import field, x11
from desktop.daemon import Daemon, Desk
from desktop.field import Field
from desktop.sound import missing as missing_sound
from desktop.x11 import Screen

pytestmark = [pytest.mark.canary, pytest.mark.timeout(280)]

_LOADED_S = 150.0


@pytest.fixture
def screen():
    if program := x11.missing() or missing_sound():
        pytest.skip(f"{program} is not installed: make test-desktop")
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
def daemon(desk, window, tiny_nemo):
    options = ("--engine", "canary", "--model", str(tiny_nemo), "--device", "cpu")
    with Daemon(desk, *options) as daemon:
        daemon.wait_until(lambda status: status["ready"], "ready", _LOADED_S)
        yield daemon


def test_six_sentences_appear_word_by_word_though_the_engine_is_killed_among_them(
    desk, daemon, window
):
    assert daemon.tell("toggle") == "listening"
    with desk.microphone.play(all_of_them()) as player:
        daemon.wait_event("speech_started", 3)
        daemon.wait_event("commit", 1 + len(daemon.events("commit")))
        os.kill(daemon.status()["worker"]["pid"], signal.SIGKILL)
        player.wait()
    daemon.tell("toggle")
    daemon.wait_idle(_LOADED_S)
    assert window.settles_on(" ".join(TEXTS)) == " ".join(TEXTS)
    assert daemon.status()["engine"] == "canary"
    assert daemon.status()["loss"] == {"samples": 0}
    ends = {event["utterance"]: event["t_s"] for event in daemon.events("speech_ended")}
    early = [it for it in daemon.events("commit") if it["t_s"] < ends[it["utterance"]] - 0.5]
    assert early, "words are typed while somebody speaks"
