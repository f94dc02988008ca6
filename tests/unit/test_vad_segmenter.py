import pytest

from fakes.signals import frames_of, noise
from swictation.config.settings import VadSettings
from swictation.loudness import level_dbfs
from swictation.types import FRAME_SAMPLES, SpeechEnded, SpeechStarted
from swictation.vad.endpointer import Endpointer
from swictation.vad.gate import EnergyGate
from swictation.vad.segmenter import SpeechSegmenter

pytestmark = pytest.mark.unit

ROOM_DBFS, SPEECH_DBFS = -60.0, -25.0
WARM = 15
"""Frames in the half second that a detector hears after its sleep, rounded down."""


class LoudnessDetector:
    """Takes what is loud for speech, and remembers what it heard."""

    def __init__(self):
        self.heard = []
        self.resets = []

    def probability(self, samples):
        self.heard.append(samples.tobytes())
        return 0.95 if level_dbfs(samples) > -40.0 else 0.02

    def reset(self):
        self.resets.append(len(self.heard))


class Ear:
    def __init__(self, *, gated=True):
        self.detector = LoudnessDetector()
        gate = EnergyGate() if gated else None
        self.listener = SpeechSegmenter(self.detector, Endpointer(VadSettings()), gate)
        self.points = []
        self.frames = []

    def hear(self, dbfs, frames):
        sound = noise(frames * FRAME_SAMPLES, dbfs, seed=len(self.frames))
        new = frames_of(sound, len(self.frames) * FRAME_SAMPLES)
        self.frames += new
        for frame in new:
            self.points += self.listener.feed(frame)
        return self

    def play(self, *runs):
        for dbfs, frames in runs:
            self.hear(dbfs, frames)
        return self

    def sounds(self, first, last):
        return [frame.samples.tobytes() for frame in self.frames[first:last]]


def test_without_a_gate_the_detector_hears_every_frame_once():
    ear = Ear(gated=False).play((ROOM_DBFS, 300), (SPEECH_DBFS, 20), (ROOM_DBFS, 50))
    assert ear.detector.heard == ear.sounds(0, 370)
    assert ear.detector.resets == []


def test_while_the_gate_is_shut_the_detector_sleeps():
    ear = Ear().play((ROOM_DBFS, 200))
    slept_from = len(ear.detector.heard)
    assert slept_from < 130
    assert ear.play((ROOM_DBFS, 500)).detector.heard[slept_from:] == []
    assert ear.listener.last_probability == 0.0


def test_when_the_gate_opens_the_half_second_before_is_heard_first():
    ear = Ear().play((ROOM_DBFS, 300))
    slept_from = len(ear.detector.heard)
    ear.hear(SPEECH_DBFS, 1)
    assert ear.detector.heard[slept_from:] == ear.sounds(300 - WARM, 301)
    assert ear.detector.resets == [slept_from]
    assert ear.listener.last_probability == 0.95


def test_what_was_heard_when_the_gate_opened_is_not_heard_again():
    ear = Ear().play((ROOM_DBFS, 300), (SPEECH_DBFS, 30), (ROOM_DBFS, 200))
    again_from = len(ear.detector.heard)
    ear.hear(SPEECH_DBFS, 1)
    assert ear.detector.heard[again_from:] == ear.sounds(530 - WARM, 531)
    assert len(set(ear.detector.heard)) == len(ear.detector.heard)


def test_after_a_shorter_sleep_only_what_was_slept_through_is_heard():
    ear = Ear().play((ROOM_DBFS, 300), (SPEECH_DBFS, 3))
    while len(ear.detector.heard) == len(set(ear.detector.heard)):
        before = len(ear.detector.heard)
        ear.hear(ROOM_DBFS, 1)
        if len(ear.detector.heard) == before:
            break
    slept_at = len(ear.frames) - 1
    ear.play((ROOM_DBFS, 4), (SPEECH_DBFS, 1))
    assert ear.detector.heard[before:] == ear.sounds(slept_at, slept_at + 6)


def test_the_detector_hears_every_frame_of_an_utterance_even_where_the_gate_is_shut():
    ear = Ear().play((ROOM_DBFS, 300), (SPEECH_DBFS, 20))
    before = len(ear.detector.heard)
    ear.hear(ROOM_DBFS, 25)  # the gate holds for 16 frames, the hang-over is 25
    assert len(ear.detector.heard) == before + 25
    assert isinstance(ear.points[-1], SpeechEnded)


def test_the_points_are_the_same_with_and_without_a_gate():
    runs = [(ROOM_DBFS, 200)]
    runs += 5 * [(SPEECH_DBFS, 20), (ROOM_DBFS, 12), (SPEECH_DBFS, 15), (ROOM_DBFS, 90)]
    gated, open_ = Ear().play(*runs), Ear(gated=False).play(*runs)
    assert gated.points == open_.points
    assert len(gated.points) == 5 * 7
    assert len(gated.detector.heard) < len(open_.detector.heard)


def test_speech_from_the_very_first_frame_is_heard():
    ear = Ear().play((SPEECH_DBFS, 4))
    assert ear.points == [SpeechStarted(0, 4 * FRAME_SAMPLES, 0, 0, continues=False)]


def test_a_flush_ends_what_is_open():
    ear = Ear().play((SPEECH_DBFS, 10))
    ended = ear.listener.flush(10 * FRAME_SAMPLES)
    assert [(type(point), point.reason) for point in ended] == [(SpeechEnded, "flush")]
    assert ear.listener.flush(10 * FRAME_SAMPLES) == []
