"""A recording in the hands of a sound library that is the test: which thread gets what."""

import sys
import threading
from types import SimpleNamespace

import numpy as np
import pytest

from patience import PATIENCE_S
from swictation.audio.microphone.input_stream import InputStream

pytestmark = pytest.mark.unit

RATE_HZ = 44_100


class PortAudioError(Exception):
    pass


class RawInputStream:
    """Stands where PortAudio's does."""

    def __init__(self, *, callback, finished_callback, **_):
        self.callback, self.finished = callback, finished_callback

    def start(self):
        pass

    def close(self):
        pass


@pytest.fixture
def recording(monkeypatch):
    module = SimpleNamespace(
        PortAudioError=PortAudioError,
        RawInputStream=RawInputStream,
        query_devices=lambda *_: {"name": "fake", "default_samplerate": RATE_HZ},
        _exit_handler=None,
    )
    monkeypatch.setitem(sys.modules, "sounddevice", module)
    recording = InputStream("default", lambda: None)
    yield recording
    recording.close()


def bring(recording, value, frames=RATE_HZ // 10):
    """A block, on a thread that is the library's."""
    now = SimpleNamespace(currentTime=1.0, inputBufferAdcTime=1.0 - frames / RATE_HZ)
    block = np.full(frames, value, np.int16).tobytes()
    thread = threading.Thread(
        target=recording._stream.callback, args=(block, frames, now, None), daemon=True
    )
    thread.start()
    thread.join(PATIENCE_S)
    assert not thread.is_alive(), "the sound library waits"


def test_what_one_listener_raised_is_not_raised_for_the_next(recording):
    """With a microphone that is kept warm they share one recording."""

    def broken(_):
        raise RuntimeError("no memory")

    recording.hand_to(broken)
    bring(recording, 1)
    with pytest.raises(RuntimeError, match="no memory"):
        recording.wait_handed(30)
    recording.let_go()
    bring(recording, 2)
    taken = []

    def take(block):
        taken.append(int(block.samples[0]))
        return len(taken) == 2

    recording.hand_to(take)
    bring(recording, 3)
    assert recording.wait_handed(30)
    assert taken == [2, 3]


def test_a_block_of_another_length_than_was_asked_for_is_taken_as_it_is(recording):
    lengths = []

    def take(block):
        lengths.append(len(block.samples))
        return len(lengths) == 3

    recording.hand_to(take)
    for frames in (1, 4409, 100_000):
        bring(recording, 7, frames)
    assert recording.wait_handed(30)
    assert lengths == [1, 4409, 100_000]


def test_what_comes_after_enough_waits_for_the_next_listener(recording):
    recording.hand_to(lambda _: True)
    for value in (1, 2, 3):
        bring(recording, value)
    taken = []
    recording.hand_to(lambda block: bool(taken.append(int(block.samples[0]))))
    assert taken == [2, 3]


def test_one_that_ends_while_it_is_listened_to_is_over_for_its_listener(recording):
    recording.hand_to(lambda _: False)
    bring(recording, 1)
    recording._stream.finished()
    assert recording.wait_handed(30)
