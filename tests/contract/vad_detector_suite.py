"""What every detector of speech keeps to, whatever computes it."""

from threading import Event

import numpy as np
import pytest

from fakes.signals import frames_of, noise, silence
from swictation.audio.wavfile import FileSource
from swictation.types import FRAME_SAMPLES


def read(path):
    blocks = []
    FileSource(path).run(blocks.append, Event())
    return np.concatenate(blocks)


def probabilities(detector, samples):
    return np.array([detector.probability(frame.samples) for frame in frames_of(samples)])


class DetectorSuite:
    """A class that inherits it has a fixture `detector`, which has heard nothing."""

    def test_a_probability_lies_between_0_and_1(self, detector, sample):
        found = probabilities(detector, read(sample))
        assert found.min() >= 0.0
        assert found.max() <= 1.0

    def test_silence_is_no_speech_and_the_sample_mostly_is(self, detector, sample):
        assert probabilities(detector, silence(1.0)).max() < 0.35
        assert np.mean(probabilities(detector, read(sample)) > 0.5) > 0.5

    def test_after_a_reset_it_decides_as_if_it_had_heard_nothing_before(self, detector, sample):
        samples = read(sample)[: 40 * FRAME_SAMPLES]
        fresh = probabilities(detector, samples)
        probabilities(detector, noise(16_000, -20.0))
        detector.reset()
        assert probabilities(detector, samples) == pytest.approx(fresh, abs=1e-6)

    def test_it_leaves_the_samples_as_they_are(self, detector):
        samples = noise(FRAME_SAMPLES, -20.0)
        before = samples.copy()
        detector.probability(samples)
        assert (samples == before).all()
