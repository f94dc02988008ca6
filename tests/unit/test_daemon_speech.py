"""The speech thread survives its detector: sound waits, on disk if need be, and is then heard."""

import numpy as np
import pytest

from fakes.signals import eventually, noise, silence
from fakes.spooled import Spooled
from swictation.audio.framer import Framer
from swictation.audio.journal import Journal
from swictation.clock import MonotonicClock
from swictation.config.settings import Settings
from swictation.daemon.wiring import listener
from swictation.dictation.speech_thread import SpeechThread
from swictation.events import (
    AudioLost,
    DetectorFailed,
    DetectorRecovered,
    DictationProcessed,
    FrameSkipped,
    PointsFound,
    ThreadFailed,
)
from swictation.loudness import level_dbfs
from swictation.types import FRAME_SAMPLES, to_samples
from swictation.vad.restarting import RestartingDetector

pytestmark = pytest.mark.unit


class Health:
    """Of the detectors in a test: while it is bad none can be made and none works."""

    def __init__(self):
        self.is_good = True
        self.poison = None
        """A frame's samples on which each of them fails."""
        self.judged = 0


class Loudness:
    def __init__(self, health):
        self._health = health
        self._check()

    def probability(self, samples):
        self._check()
        if self._health.poison == samples.tobytes():
            raise RuntimeError("poison")
        self._health.judged += 1
        return 0.95 if level_dbfs(samples) > -40.0 else 0.02

    def reset(self):
        pass

    def _check(self):
        if not self._health.is_good:
            raise RuntimeError("ill")


class Hasty:
    """FailureListener that wait for a moment instead of seconds, else the thread's own."""

    def __init__(self, speech):
        self._speech = speech
        self.failing, self.recovered = speech.failing, speech.recovered
        self.skipped = speech.skipped

    def wait(self, seconds):
        return self._speech.wait(0.01)


class Room:
    """A speech thread with a journal, and all that it posted."""

    def __init__(self, journal=None):
        self.health = Health()
        self.posted = []
        self.journal = journal or Journal()
        self.speech = SpeechThread(
            self.journal, self._listener, self.posted.append, MonotonicClock()
        )
        self.speech.start()

    def _listener(self, first_sample, first_utterance, setbacks):
        detector = RestartingDetector(lambda: Loudness(self.health), Hasty(setbacks))
        return listener(Settings(), first_sample, first_utterance, detector)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.journal.close()
        self.speech.join()

    def wait_for(self, kind):
        assert eventually(lambda: self.events(kind)), self.posted
        return self.events(kind)[-1]

    def events(self, kind):
        return [event for event in self.posted if isinstance(event, kind)]

    def points(self):
        return [point for event in self.events(PointsFound) for point in event.points]


def speech_with_pauses(seconds):
    second = [silence(1.2), noise(to_samples(0.8), -25.0, seed=seconds)]
    return np.concatenate([silence(1.0), *((seconds // 2) * second), silence(1.0)])


def expected(samples):
    framer, ear = Framer(), listener(Settings(), detector=Loudness(Health()))
    frames = framer.feed(samples) + framer.flush()
    return [point for frame in frames for point in ear.feed(frame)] + ear.flush(len(samples))


def append(journal, samples):
    for at in range(0, len(samples), 1600):
        journal.append(samples[at : at + 1600])


@pytest.mark.parametrize("breaks_at_s", [0.0, 2.5, 3.1])
def test_nothing_is_skipped_and_no_utterance_cut_while_no_detector_works(breaks_at_s):
    """In silence before the first word, in a pause, in the middle of a word."""
    samples = speech_with_pauses(20)
    cut = to_samples(breaks_at_s)
    with Room() as room:
        append(room.journal, samples[:cut])
        assert eventually(lambda: room.speech.heard_sample == cut)
        room.health.is_good = False
        append(room.journal, samples[cut:])
        room.journal.end_dictation()
        failed = room.wait_for(DetectorFailed)
        assert failed.sample == cut
        assert "ill" in failed.reason
        room.health.is_good = True
        assert room.wait_for(DetectorRecovered).sample == cut
        assert room.wait_for(DictationProcessed).end_sample == len(samples)
        assert room.points() == expected(samples)
        assert len(room.events(DetectorFailed)) == len(room.events(DetectorRecovered)) == 1


def test_a_thread_without_a_detector_is_not_taken_for_stuck():
    with Room() as room:
        room.health.is_good = False
        append(room.journal, speech_with_pauses(4))
        room.wait_for(DetectorFailed)
        assert [room.speech.has_progressed() for _ in range(3)] == 3 * [True]


def test_a_join_ends_it_though_no_detector_ever_works():
    with Room() as room:
        room.health.is_good = False
        append(room.journal, speech_with_pauses(4))
        room.wait_for(DetectorFailed)
    assert not room.events(ThreadFailed)


def test_a_frame_that_no_detector_bears_is_silence_and_the_rest_is_heard():
    samples = speech_with_pauses(4)
    with Room() as room:
        at = (to_samples(2.6) // FRAME_SAMPLES) * FRAME_SAMPLES
        room.health.poison = samples[at : at + FRAME_SAMPLES].tobytes()
        append(room.journal, samples)
        room.journal.end_dictation()
        room.wait_for(DictationProcessed)
        assert len(room.events(FrameSkipped)) == 1
        assert [type(p) for p in room.points()] == [type(p) for p in expected(samples)]
        assert not room.events(DetectorFailed)


def test_another_failure_of_the_thread_is_a_bug():
    posted, journal = [], Journal()
    speech = SpeechThread(journal, lambda *_: 1 / 0, posted.append, MonotonicClock())
    speech.start()
    speech.join()
    assert [(type(event), event.thread) for event in posted] == [(ThreadFailed, "speech")]


RING_S = 4.0


def test_sound_that_nobody_hears_for_longer_than_the_ring_is_heard_from_disk(tmp_path):
    samples = speech_with_pauses(40)
    one = Spooled(tmp_path, ring_s=RING_S)
    with Room(one.journal) as room:
        room.health.is_good = False
        one.journal.append(samples[:1600])
        failed = room.wait_for(DetectorFailed)
        one.spool.keep_unheard(failed.sample)
        for at in range(1600, len(samples), 16_000):
            one.journal.append(samples[at : at + 16_000])
            written = min(at + 16_000, len(samples))
            assert eventually(lambda at=written: one.spool.read_back(0, at) is not None)
        room.health.is_good = True
        one.journal.end_dictation()
        room.wait_for(DictationProcessed)
        assert room.points() == expected(samples)
        assert not room.events(AudioLost)
    one.spool.settle_unheard()
    assert eventually(lambda: one.files() == [])
    one.spool.stop()
    one.folder.close()
