"""A detector that changes its place loses no frame, hears none twice, and always answers."""

import json
import math
import random
import threading

import numpy as np
import pytest

from fakes.peer import Peer
from fakes.signals import frames_of, noise
from patience import PATIENCE_S
from swictation.audio.wavfile import FileSource
from swictation.config.settings import VadSettings
from swictation.events import DetectorMoved
from swictation.types import FRAME_SAMPLES, SpeechEnded, SpeechStarted
from swictation.vad import records
from swictation.vad.detector import WARM_FRAMES
from swictation.vad.endpointer import Endpointer
from swictation.vad.gate import EnergyGate
from swictation.vad.level import AutomaticGainControl
from swictation.vad.segmenter import SpeechSegmenter
from swictation.vad.silero_cpu import SileroCpu
from swictation.vad.switchable import AHEAD_FRAMES, DetectorSwitch, SwitchableDetector

pytestmark = pytest.mark.unit


class Heard:
    """A detector that remembers, and takes everything for half speech."""

    def __init__(self):
        self.frames = []

    def probability(self, samples):
        self.frames.append(samples.tobytes())
        return 0.5

    def reset(self):
        self.frames.append("reset")


class Place:
    """A placed detector, the switch, and what was told."""

    def __init__(self):
        self.told = []
        self.switch = DetectorSwitch(self.told.append)
        self.own = Heard()
        self.detector = SwitchableDetector(self.own, self.switch)
        self.sounds = [frame.samples for frame in frames_of(noise(200 * FRAME_SAMPLES, -25.0))]
        self.at = 0

    def hear(self, count):
        self.at += count
        sounds = self.sounds[self.at - count : self.at]
        return [self.detector.probability(samples) for samples in sounds]

    def pcm(self, first, last):
        return [samples.tobytes() for samples in self.sounds[first:last]]


def test_on_its_own_it_is_the_own_detector():
    place = Place()
    assert place.hear(3) == 3 * [0.5]
    place.detector.reset()
    assert place.own.frames == [*place.pcm(0, 3), "reset"]
    assert place.told == []


def test_at_the_beginning_a_wish_takes_effect_with_the_first_frame():
    place = Place()
    with Peer(lambda number, *_: [records.answer(number, 0.25)]) as peer:
        place.switch.use(peer.remote, "there is room")
        assert place.hear(2) == [0.25, 0.25]
        assert place.told == [DetectorMoved("gpu", "there is room", is_fault=False)]


def test_in_mid_stream_it_hears_along_for_a_while_and_the_move_is_told_once():
    place = Place()
    with Peer(lambda number, *_: [records.answer(number, 0.25)]) as peer:
        place.hear(30)
        place.switch.use(peer.remote, "there is room")
        assert place.hear(AHEAD_FRAMES) == AHEAD_FRAMES * [0.5]
        assert (place.told, place.switch.placement) == ([], "cpu")
        assert place.hear(2) == [0.25, 0.25]
        assert place.told == [DetectorMoved("gpu", "there is room", is_fault=False)]
        place.switch.use(None, "the GPU is full")
        assert place.hear(2) == [0.5, 0.5]
        assert place.told[1:] == [DetectorMoved("cpu", "the GPU is full", is_fault=False)]
        assert place.switch.placement == "cpu"


def test_between_frames_a_remote_is_left_at_once():
    place = Place()
    with Peer() as peer:
        place.switch.use(peer.remote, "there is room")
        place.hear(20)
        place.switch.use(None, "nobody dictates")  # and no frame comes any more
        assert place.told[1:] == [DetectorMoved("cpu", "nobody dictates", is_fault=False)]
        place.switch.use(None, "nobody dictates")
        place.hear(1)
        assert len(place.told) == 2
        assert place.own.frames == ["reset", *place.pcm(0, 21)]


def test_a_remote_that_is_left_while_it_judges_is_left_after_that_frame():
    place = Place()
    told = []

    def reply(number, *_):
        if number == 3:
            place.switch.use(None, "nobody dictates")
            told.extend(place.told)
        return [records.answer(number, 0.25)]

    with Peer(reply) as peer:
        place.switch.use(peer.remote, "there is room")
        assert place.hear(3) == 3 * [0.25]
        assert told == [DetectorMoved("gpu", "there is room", is_fault=False)]
        assert place.told[1:] == [DetectorMoved("cpu", "nobody dictates", is_fault=False)]


def test_a_wish_that_changes_nothing_is_not_told():
    place = Place()
    with Peer() as peer:
        place.switch.use(None, "as before")
        place.hear(20)
        place.switch.use(peer.remote, "there is room")
        place.hear(AHEAD_FRAMES - 1)
        place.switch.use(None, "no more")
        place.hear(20)
        assert place.told == []
        assert place.own.frames == place.pcm(0, 39 + AHEAD_FRAMES)


def test_who_takes_over_first_hears_the_last_two_seconds():
    place = Place()
    with Peer() as peer:
        place.hear(80)
        place.switch.use(peer.remote, "")
        place.hear(20)
        assert [pcm for _, _, pcm in peer.asked] == place.pcm(80 - WARM_FRAMES, 100)
        assert [number for number, forgets, _ in peer.asked if forgets] == [1]
        place.switch.use(None, "")
        place.hear(1)
        assert place.own.frames[80 + AHEAD_FRAMES :] == [
            "reset",
            *place.pcm(100 - WARM_FRAMES, 101),
        ]


def test_what_was_heard_before_a_reset_warms_nobody():
    place = Place()
    with Peer() as peer:
        place.hear(10)
        place.detector.reset()
        place.hear(2)
        place.switch.use(peer.remote, "")
        place.hear(3)
        assert [pcm for _, _, pcm in peer.asked] == place.pcm(10, 15)


def late(number, *_):
    return [] if number > 5 else [records.answer(number, 0.25)]


def nonsense(number, *_):
    return [records.answer(number, math.nan if number > 5 else 0.25)]


@pytest.mark.parametrize(("reply", "why"), [(late, "no answer within"), (nonsense, "nan")])
def test_what_a_remote_cannot_judge_the_own_detector_judges_at_once(reply, why):
    place = Place()
    with Peer(reply) as peer:
        place.switch.use(peer.remote, "there is room")
        assert place.hear(5) == 5 * [0.25]
        peer.remote.deadline_s = 0.02
        assert place.hear(1) == [0.5]
        assert place.own.frames == ["reset", *place.pcm(0, 6)]
        assert place.hear(10) == 10 * [0.5]
        assert place.own.frames == ["reset", *place.pcm(0, 16)]
    moved, back = place.told
    assert moved.placement == "gpu"
    assert (back.placement, back.is_fault) == ("cpu", True)
    assert why in back.reason


def test_a_dead_one_is_asked_again_only_when_it_is_wished_for_again():
    place = Place()
    with Peer() as peer:
        peer.die()
        place.switch.use(peer.remote, "there is room")
        assert place.hear(5) == 5 * [0.5]
        gone = DetectorMoved("cpu", "its process is gone", is_fault=True)
        assert place.told == [gone]
        assert place.own.frames == place.pcm(0, 5), "it has heard all along"
        place.switch.use(peer.remote, "once more")
        place.hear(5)
        assert place.told == [gone, gone]


def test_one_that_dies_while_it_hears_along_is_at_fault_and_was_never_needed():
    place = Place()
    with Peer() as peer:
        place.hear(20)
        place.switch.use(peer.remote, "there is room")
        place.hear(2)
        peer.die()
        assert place.hear(20) == 20 * [0.5]
        assert place.told == [DetectorMoved("cpu", "its process is gone", is_fault=True)]
        assert place.own.frames == place.pcm(0, 42)


def test_after_a_late_answer_the_same_one_may_serve_again():
    place = Place()
    silero, number_late = SileroCpu(), 3
    goes_on = threading.Event()

    def reply(number, forgets, samples):
        if number == number_late:
            goes_on.wait(PATIENCE_S)
        if forgets:
            silero.reset()
        return [records.answer(number, silero.probability(samples))]

    with Peer(reply) as peer:
        place.switch.use(peer.remote, "")
        place.hear(2)
        peer.remote.deadline_s = 0.02
        place.hear(2)
        peer.remote.deadline_s = 30.0
        goes_on.set()
        place.switch.use(peer.remote, "again")
        place.hear(AHEAD_FRAMES)
        found = place.hear(5)
    fresh = SileroCpu()
    expected = [fresh.probability(samples) for samples in place.sounds[: place.at]][-5:]
    assert found == pytest.approx(expected, abs=1e-6)
    assert [event.placement for event in place.told] == ["gpu", "cpu", "gpu"]


def test_one_that_is_left_while_it_answers_is_not_at_fault():
    place = Place()

    def reply(*_):
        place.switch.use(None, "the worker is stopped")
        peer.die()
        return []

    with Peer(reply) as peer:
        place.switch.use(peer.remote, "")
        place.hear(3)
        assert place.told == []
    assert place.switch.placement == "cpu"


def test_the_next_dictation_begins_where_the_last_one_ended():
    place = Place()
    with Peer() as peer:
        place.switch.use(peer.remote, "there is room")
        place.hear(5)
        place.detector = SwitchableDetector(Heard(), place.switch)
        place.hear(5)
        assert [event.placement for event in place.told] == ["gpu"]
        assert [number for number, forgets, _ in peer.asked if forgets] == [1, 6]


# --- with the real detector at both ends ---------------------------------------------------------


def read(path):
    blocks = []
    FileSource(path).run(blocks.append, threading.Event())
    return np.concatenate(blocks)


def listen(detector, samples, before_frame=lambda number: None):
    listener = SpeechSegmenter(
        detector, Endpointer(VadSettings()), EnergyGate(), AutomaticGainControl()
    )
    points = []
    for number, frame in enumerate(frames_of(samples)):
        before_frame(number)
        points += listener.feed(frame)
    return points + listener.flush(len(samples))


def compare(samples, seed, rate=0.05):
    """By how many frames an utterance's bounds differ at most, and how often it was moved."""
    dice = random.Random(seed)
    told = []
    switch = DetectorSwitch(told.append)
    alone, placed = SileroCpu(), SwitchableDetector(SileroCpu(), switch)
    with Peer() as peer:

        def before_frame(_):
            if dice.random() < rate:
                switch.use(dice.choice([None, peer.remote]), "")

        expected, found = listen(alone, samples), listen(placed, samples, before_frame)
    pairs = list(zip(bounds(found), bounds(expected), strict=True))
    apart = max((abs(a - b) for a, b in pairs), default=0)
    return apart / FRAME_SAMPLES, len(told)


def bounds(points):
    starts = [point.first_sample for point in points if isinstance(point, SpeechStarted)]
    return starts + [point.last_sample for point in points if isinstance(point, SpeechEnded)]


@pytest.mark.parametrize("seed", range(3))
def test_moves_at_random_frames_change_no_utterance(sample, seed):
    quiet = noise(32_000, -60.0)
    sound = np.concatenate([quiet, read(sample), quiet, read(sample), quiet])
    apart, moves = compare(sound, seed)
    assert moves >= 5
    assert apart <= 2


@pytest.mark.slow
def test_moves_at_random_frames_change_no_utterance_of_people(speech_dir):
    rows = [json.loads(line) for line in (speech_dir / "manifest.jsonl").read_text().splitlines()]
    chosen = [row for row in rows if row["kind"] in ("read", "command-slots", "long", "noise")][::3]
    moves = 0
    for seed, row in enumerate(chosen):
        apart, count = compare(read(speech_dir / row["audio"]), seed, rate=0.02)
        moves += count
        assert apart <= 2, row["audio"]
    assert moves > 40
