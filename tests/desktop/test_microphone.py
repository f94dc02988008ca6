"""The microphone through everything that happens to sound servers."""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from patience import PATIENCE_S

from . import sound
from .sound import VirtualMicrophone

pytestmark = [
    pytest.mark.desktop,
    pytest.mark.skipif(bool(sound.missing()), reason=f"{sound.missing()} is not installed"),
]


"""For what must come: the machine may be busy."""
SOURCE = "Monitor of Null Output"
WINDOW = 1600


@pytest.fixture
def server(tmp_path):
    server = VirtualMicrophone(tmp_path / "sound")
    yield server
    if server.is_running:
        server.signal(signal.SIGCONT)
    server.kill()


class Listener:
    """Gives orders to the listener program and hears what it says."""

    def __init__(self, server, device="default", warm="cold", **environment):
        self.folder = server.folder
        self._runs = 0
        self._said = queue.Queue()
        self._state = {}
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("listener.py")), device, warm],
            env={**os.environ, **server.env, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def order(self, *words):
        self._process.stdin.write(" ".join(words) + "\n")
        self._process.stdin.flush()

    def run(self):
        self._runs += 1
        self.order("run", self.path)

    @property
    def pid(self):
        return self._process.pid

    @property
    def path(self):
        return str(self.folder / f"run{self._runs}")

    def heard(self):
        """What the present run has delivered."""
        return np.fromfile(self.path, np.int16)

    def wait(self, event, **wanted):
        """The next message of that kind with these values; all before it are passed over."""
        end_s = time.monotonic() + PATIENCE_S
        seen = []
        while True:
            try:
                message = self._said.get(timeout=max(0.01, end_s - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"never said {event} {wanted}, but {seen[-20:]}") from None
            seen.append(message)
            if message["event"] == "state":
                self._state = message
            if message["event"] == event and wanted.items() <= message.items():
                return message

    def wait_state(self, **wanted):
        """Until it says, or has said last, that it is so."""
        while not wanted.items() <= self._state.items():
            self.wait("state")

    def wait_delivered(self, samples):
        while self.wait("delivered")["samples"] < samples:
            pass

    def end(self):
        """Let it end by itself; how long that took."""
        began_s = time.monotonic()
        self._process.stdin.close()
        self._process.wait(PATIENCE_S)
        took_s = time.monotonic() - began_s
        self._reader.join()
        self._process.stdout.close()
        return took_s

    def _read(self):
        for line in self._process.stdout:
            self._said.put(json.loads(line))


@pytest.fixture
def listen(server):
    listeners = []

    def start(*arguments, **environment):
        listeners.append(Listener(server, *arguments, **environment))
        return listeners[-1]

    yield start
    if server.is_running:
        server.signal(signal.SIGCONT)
    for listener in listeners:
        if not listener._process.stdin.closed:
            listener.order("stop")
            listener.end()


def unique(seconds, seed=1):
    """Noise without anything above 3 kHz, so that it survives resampling."""
    spectrum = np.fft.rfft(np.random.default_rng(seed).normal(size=int(16000 * seconds)))
    spectrum[int(len(spectrum) * 3 / 8) :] = 0
    noise = np.fft.irfft(spectrum)
    return (8000 * noise / np.abs(noise).max()).astype(np.int16)


def places(heard, said):
    """Where in `said` each window of `heard` stands that is not silence."""
    size = 1 << (len(said) + WINDOW).bit_length()
    transformed = np.fft.rfft(said.astype(float), size)
    found = []
    for at in [*range(0, len(heard) - WINDOW, WINDOW), len(heard) - WINDOW]:
        window = heard[at : at + WINDOW].astype(float)
        if np.abs(window[:160]).max() < 50 or np.abs(window[-160:]).max() < 50:
            continue
        match = np.fft.irfft(transformed * np.conj(np.fft.rfft(window, size)), size)
        best = int(np.argmax(match[: len(said)]))
        piece = said[best : best + WINDOW].astype(float)
        if len(piece) == WINDOW and np.corrcoef(piece, window)[0, 1] > 0.8:
            found.append((at, best))
    return found


def is_gapless(found):
    """Whether the windows follow each other in what was said as they do in what was heard."""
    shifts = [said - heard for heard, said in found]
    return len(shifts) > 5 and max(shifts) - min(shifts) <= 2


def ended(player):
    assert player.wait(PATIENCE_S) == 0


def test_a_check_opens_it_and_closes_it_again_and_tells_the_source(server, listen):
    server.start()
    listener = listen()
    listener.order("check")
    checked = listener.wait("checked")
    assert checked["health"] == "open"
    assert checked["reason"] == ""
    listener.wait_state(health="closed")
    assert streams(server, listener) == []


def test_all_that_is_said_arrives_once_and_in_order(server, listen):
    server.start()
    listener, said = listen(), unique(3)
    listener.run()
    listener.wait("delivered")
    player = server.play(said)
    listener.wait_state(health="open", source=SOURCE)
    ended(player)
    listener.order("state")
    asked = listener.wait("asked")
    assert asked["last_block_age_s"] < 5
    assert -101 < asked["level_dbfs"] < 0
    listener.order("stop")
    listener.wait("over")
    found = places(listener.heard(), said)
    assert is_gapless(found)
    assert found[0][1] <= 2 * WINDOW
    assert found[-1][1] >= len(said) - 3 * WINDOW
    assert listener.end() < PATIENCE_S


def test_a_dictation_begun_as_the_last_one_ends_takes_nothing_twice(server, listen):
    server.start()
    listener, said = listen(), unique(6)
    listener.run()
    listener.wait("delivered")
    player = server.play(said)
    starts = []
    for _ in range(4):
        listener.wait_delivered(16000)
        before = listener.path
        listener.order("stop")
        listener.run()
        listener.wait("over")
        starts += places(np.fromfile(before, np.int16), said)
    listener.order("stop")
    listener.wait("over")
    ended(player)
    where = [place for _, place in starts]
    assert where == sorted(where)
    assert all(b - a >= WINDOW - 2 for a, b in pairwise(where))


def test_kept_warm_it_begins_before_the_key(server, listen):
    server.start()
    listener = listen("default", "warm")
    listener.order("check")
    assert listener.wait("checked")["health"] == "open"
    said = unique(8)
    player = server.play(said)
    whole = []
    for _ in range(3):
        threading.Event().wait(0.8)
        listener.run()
        listener.wait("delivered")
        listener.order("stop")
        over = listener.wait("over")
        assert over["samples"] / 16000 >= over["took_s"] + 0.2
        assert over["samples"] / 16000 <= over["took_s"] + 0.8
        whole.append(listener.heard())
    ended(player)
    assert listener.end() < PATIENCE_S
    assert all(is_gapless(found) for each in whole if len(found := places(each, said)) > 5)


def test_a_server_that_is_killed_is_waited_for_and_nothing_before_is_lost(server, listen):
    server.start()
    listener, said = listen(), unique(4)
    listener.run()
    listener.wait("delivered")
    player = server.play(said)
    listener.wait_delivered(16000 * 4)
    server.kill()
    player.wait(PATIENCE_S)
    listener.wait_state(health="absent")
    before = listener.heard()
    assert is_gapless(places(before, said))
    server.start()
    listener.wait_state(health="open")
    again = unique(2, seed=2)
    ended(server.play(again))
    listener.order("stop")
    listener.wait("over")
    heard = listener.heard()
    assert (heard[: len(before)] == before).all()
    assert is_gapless(places(heard[len(before) :], again))


def test_a_frozen_server_is_told_and_what_it_held_back_arrives(server, listen):
    server.start()
    listener, said = listen(), unique(4)
    listener.run()
    listener.wait("delivered")
    player = server.play(said)
    listener.wait_delivered(16000 * 2)
    server.signal(signal.SIGSTOP)
    listener.wait_state(health="silent", reason="no sound arrives")
    server.signal(signal.SIGCONT)
    listener.wait_state(health="open")
    ended(player)
    listener.order("stop")
    listener.wait("over")
    found = places(listener.heard(), said)
    assert len(found) > 10
    where = [place for _, place in found]
    assert where == sorted(set(where))


def test_with_a_frozen_server_a_dictation_ends_and_so_does_the_program(server, listen):
    server.start()
    listener = listen()
    listener.run()
    listener.wait("delivered")
    server.signal(signal.SIGSTOP)
    listener.wait_state(health="silent")
    listener.order("stop")
    assert listener.wait("over")["took_s"] < PATIENCE_S
    listener.run()
    listener.order("state")
    assert listener.wait("asked")["health"] != "open"
    listener.order("stop")
    listener.wait("over")
    assert listener.end() < 10


def test_without_a_server_at_the_start_it_is_absent_until_there_is_one(server, listen):
    listener = listen()
    listener.order("check")
    checked = listener.wait("checked")
    assert checked["health"] == "absent"
    assert checked["reason"]
    listener.run()
    listener.wait_state(health="absent")
    server.start()
    listener.wait_state(health="open")
    said = unique(2)
    ended(server.play(said))
    listener.order("stop")
    listener.wait("over")
    assert is_gapless(places(listener.heard(), said))


def test_where_the_source_is_unplugged_the_next_one_is_told(server, listen):
    server.start()
    listener = listen()
    listener.run()
    listener.wait_state(source=SOURCE)
    server.pactl("load-module", "module-null-sink", "sink_name=second", "rate=48000",
                 "sink_properties=device.description=Second")  # fmt: skip
    server.pactl("set-default-source", "second.monitor")
    server.pactl("unload-module", module(server, "sink_name=virtmic"))
    listener.wait_state(source="Monitor of Second", health="open")
    listener.order("stop")
    listener.wait("over")


def test_a_stream_that_is_moved_is_told(server, listen):
    server.start()
    listener = listen()
    listener.run()
    listener.wait_state(source=SOURCE)
    (stream,) = streams(server, listener)
    server.pactl("move-source-output", stream, "out.monitor")
    listener.wait_state(source="Monitor of Speakers", health="open")
    listener.order("stop")
    listener.wait("over")


def streams(server, listener):
    """The numbers of the listener's recording streams at the server."""
    every = json.loads(server.pactl("-f", "json", "list", "source-outputs"))
    own = [s for s in every if s["properties"].get("application.process.id") == str(listener.pid)]
    return [str(stream["index"]) for stream in own]


def module(server, arguments):
    lines = server.pactl("list", "short", "modules").splitlines()
    return next(line.split()[0] for line in lines if arguments in line)


def test_a_device_is_found_by_its_name_at_the_sound_server(server, listen):
    server.start()
    server.pactl("set-default-source", "out.monitor")
    listener, said = listen("virtmic"), unique(2)
    listener.run()
    listener.wait("delivered")
    ended(server.play(said))
    listener.order("stop")
    listener.wait("over")
    assert is_gapless(places(listener.heard(), said))


def test_a_device_that_is_not_there_is_told_with_those_that_are(server, listen):
    server.start()
    listener = listen("Walnut")
    listener.order("check")
    checked = listener.wait("checked")
    assert checked["health"] == "absent"
    assert checked["reason"].startswith("no microphone named Walnut; there are: ")
    assert SOURCE in checked["reason"]


def test_without_the_library_it_says_what_to_install(server, listen, tmp_path):
    """As sounddevice does where it finds none."""
    (tmp_path / "sounddevice.py").write_text("raise OSError('PortAudio library not found')\n")
    listener = listen(PYTHONPATH=str(tmp_path))
    listener.order("check")
    checked = listener.wait("checked")
    assert checked["health"] == "absent"
    assert "libportaudio2 is missing" in checked["reason"]
