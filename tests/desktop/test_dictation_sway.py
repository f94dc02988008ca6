"""The product under sway, started by the README's own line, into a terminal that runs there."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from desktop import sway as compositor
from desktop.daemon import Daemon, Desk
from desktop.sway import Sway, WaylandField
from fakes.bus import PrivateBus
from fakes.scripted_engine.sound import Scene, Word, make_scene
from swictation.types import to_samples

pytestmark = pytest.mark.desktop

ROOT = Path(__file__).resolve().parents[2]
WORDS = ("Grüße", "naïve", "señor", "— 中文", "Ελλάδα", "😀", "straße")


@pytest.fixture
def sway():
    if reason := compositor.missing():
        pytest.skip(reason)
    if absent := [name for name in ("foot", "wtype", "busctl") if not shutil.which(name)]:
        pytest.skip(f"not installed: {', '.join(absent)}")
    sway = Sway()
    yield sway
    sway.stop()


@pytest.fixture
def desk(tmp_path, sway, program):
    """Words of many scripts, as they are said in the sound that is played."""
    scene = make_scene(1, 1)
    at, words = 0, []
    while at < to_samples(60.0):
        words.append(Word(at, at + 8000, f" {WORDS[len(words) % len(WORDS)]}"))
        at += 8000
    program.hear(Scene(scene.samples, words, scene.heard))
    program.set("feedback", notifications=False)
    environment = program.prepare() | {"WAYLAND_DISPLAY": sway.display}
    environment.pop("DISPLAY", None)
    # $XDG_RUNTIME_DIR/bus, where busctl looks for it.
    with Desk(tmp_path, environment, PrivateBus(sway.directory)) as desk:
        yield desk


def readme_line():
    lines = [line.strip() for line in (ROOT / "README.md").read_text().splitlines()]
    (line,) = [line for line in lines if line.startswith("bindsym $mod+d exec busctl")]
    return line.replace("$mod", "Mod4")


def press(sway):
    """The key of that line, on a keyboard of its own."""
    sway.output("wtype", "-M", "logo", "-P", "d", "-p", "d", "-m", "logo")


def test_the_key_of_the_readme_starts_it_and_words_of_any_script_appear_in_foot(
    sway, desk, program
):
    terminal = WaylandField("foot", sway)
    try:
        terminal.wait_focused()
        sway.message(readme_line())
        with Daemon(desk) as daemon:
            daemon.wait_ready()
            press(sway)
            daemon.wait_until(lambda status: status["state"] == "listening", "the key works")
            sound = np.concatenate((program.scene.samples, np.zeros(to_samples(1.0), np.int16)))
            with desk.microphone.play(sound) as player:
                player.wait()
            press(sway)
            daemon.wait_idle()
            committed = daemon.committed
            assert terminal.settles_on(committed) == committed
            assert sum(word in committed for word in WORDS) >= 3
            assert daemon.status()["injector"]["name"] == "wayland"
            sway.screenshot(desk.folder / "sway.png")
    finally:
        terminal.stop()
