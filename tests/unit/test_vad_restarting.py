"""A detector that fails is made anew until it works; the frame waits, and others never notice."""

import pytest

from fakes.signals import frames_of, noise
from swictation.types import FRAME_SAMPLES
from swictation.vad.detector import WARM_FRAMES
from swictation.vad.restarting import Abandoned, RestartingDetector

pytestmark = pytest.mark.unit

SOUNDS = [frame.samples for frame in frames_of(noise(200 * FRAME_SAMPLES, -25.0))]
NUMBERS = {samples.tobytes(): number for number, samples in enumerate(SOUNDS)}
SILENCE = -1


class Ward:
    """Makes detectors that fail as told, and notes what they heard and what was said of them."""

    def __init__(self, patience=100):
        self.cannot_be_made = 0
        self.dies_at = {}
        """How often one fails on which frame."""
        self.heard = []
        self.made = 0
        self.told = []
        self.waits = []
        self.patience = patience
        self.detector = RestartingDetector(lambda: Patient(self), self)

    def hear(self, first, last):
        return [self.detector.probability(samples) for samples in SOUNDS[first:last]]

    def failing(self, reason):
        self.told.append(f"failing {reason}")

    def wait(self, seconds):
        self.waits.append(seconds)
        return len(self.waits) < self.patience

    def recovered(self):
        self.told.append("recovered")

    def skipped(self, reason):
        self.told.append(f"skipped {reason}")


class Patient:
    def __init__(self, ward):
        if ward.cannot_be_made:
            ward.cannot_be_made -= 1
            raise MemoryError
        ward.made += 1
        self._ward = ward
        self._heard = []

    def probability(self, samples):
        number = NUMBERS.get(samples.tobytes(), SILENCE)
        if self._ward.dies_at.get(number, 0):
            self._ward.dies_at[number] -= 1
            raise RuntimeError("broken")
        self._heard.append(number)
        self._ward.heard = self._heard
        return 0.5

    def reset(self):
        self._heard.clear()


def test_one_that_works_is_made_once_and_hears_each_frame_once():
    ward = Ward()
    assert ward.hear(0, 10) == 10 * [0.5]
    assert (ward.made, ward.heard, ward.told) == (1, list(range(10)), [])


def test_after_one_failure_a_fresh_one_hears_the_last_two_seconds_and_then_the_frame():
    ward = Ward()
    ward.dies_at[100] = 1
    assert ward.hear(0, 101) == 101 * [0.5]
    assert ward.made == 2
    assert ward.heard == list(range(100 - WARM_FRAMES, 101))
    assert (ward.told, ward.waits) == ([], []), "it took no time and nobody need know"


def test_one_that_cannot_be_made_is_tried_ever_more_rarely_and_told_of_once():
    ward = Ward()
    ward.cannot_be_made = 8
    assert ward.hear(0, 2) == [0.5, 0.5]
    assert ward.waits == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]
    assert ward.told == ["failing MemoryError()", "recovered"]
    assert ward.heard == [0, 1]


def test_what_fails_again_later_begins_anew():
    ward = Ward()
    for first in (0, 10):
        ward.detector.reset()
        ward.detector._detector = None
        ward.cannot_be_made = 2
        ward.hear(first, first + 5)
    assert ward.waits == [1.0, 2.0, 1.0, 2.0]
    assert ward.told == 2 * ["failing MemoryError()", "recovered"]


def test_a_frame_on_which_two_fail_is_taken_for_silence():
    ward = Ward()
    ward.dies_at[5] = 100
    assert ward.hear(0, 8) == [*(5 * [0.5]), 0.0, 0.5, 0.5]
    assert ward.dies_at[5] == 98
    assert ward.heard == [0, 1, 2, 3, 4, SILENCE, 6, 7]
    assert ward.told == ["skipped RuntimeError('broken')"]
    assert ward.waits == []


def test_a_skipped_frame_is_never_heard_again():
    ward = Ward()
    ward.dies_at = {5: 100, 7: 1}
    assert ward.hear(0, 10)[7] == 0.5
    assert ward.dies_at[5] == 98


def test_one_that_works_on_nothing_but_silence_is_broken_and_eats_no_speech():
    ward = Ward(patience=10)
    ward.dies_at = dict.fromkeys(range(5, 200), 1000)
    with pytest.raises(Abandoned):
        ward.hear(0, 200)
    assert ward.dies_at[7] < 1000
    assert ward.dies_at[8] == 1000 - 11
    assert ward.dies_at[9] == 1000, "three frames are given up, no more"
    assert [told.split()[0] for told in ward.told] == 3 * ["skipped"] + ["failing"]


def test_one_that_no_longer_bears_what_it_heard_begins_without_it():
    ward = Ward()
    ward.hear(0, 20)
    ward.dies_at = {15: 1, 20: 1}
    assert ward.hear(20, 22) == [0.5, 0.5]
    assert ward.heard == [*range(15), 20, 21]
    assert ward.told == ["failing RuntimeError('broken')", "recovered"]


def test_nobody_waits_for_it_once_it_is_abandoned():
    ward = Ward(patience=2)
    ward.cannot_be_made = 100
    with pytest.raises(Abandoned):
        ward.hear(0, 1)
    assert ward.waits == [1.0, 2.0]


def test_before_a_reset_nothing_was_heard():
    ward = Ward()
    ward.hear(0, 10)
    ward.detector.reset()
    ward.dies_at[12] = 1
    ward.hear(10, 13)
    assert ward.heard == [10, 11, 12]
