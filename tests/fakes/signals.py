"""Made-up sound of known loudness, and waiting for what another thread does."""

import threading
import time

import numpy as np

from patience import PATIENCE_S
from swictation.types import FRAME_SAMPLES, Frame, to_samples


def noise(samples, dbfs, seed=1):
    """White noise of that level, int16."""
    sigma = 32768.0 * 10 ** (dbfs / 20)
    heard = np.random.default_rng(seed).standard_normal(samples) * sigma
    return np.clip(np.round(heard), -32768, 32767).astype(np.int16)


def tone(seconds, hertz=440.0, peak=8000.0, rate_hz=16_000):
    """A sine, int16."""
    at_s = np.arange(round(seconds * rate_hz)) / rate_hz
    return np.round(peak * np.sin(2 * np.pi * hertz * at_s)).astype(np.int16)


def numbered(first, last):
    """Samples that know their own number, as far as int16 goes."""
    return (np.arange(first, last) % 30_011).astype(np.int16)


def silence(seconds):
    return np.zeros(to_samples(seconds), np.int16)


def frames_of(samples, first_sample=0):
    """The whole frames of `samples`."""
    return [
        Frame(first_sample + at, samples[at : at + FRAME_SAMPLES])
        for at in range(0, len(samples) - FRAME_SAMPLES + 1, FRAME_SAMPLES)
    ]


def eventually(condition, timeout_s=PATIENCE_S):
    """Wait until `condition()` is true; whether it became so in time."""
    pause, until_s = threading.Event(), time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > until_s:
            return False
        pause.wait(0.005)
    return True
