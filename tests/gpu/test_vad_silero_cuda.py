"""The worker's detector on a real card: it decides as on the processor, and waits for nobody."""

import time

import numpy as np
import pytest

from contract.vad_detector_suite import DetectorSuite, probabilities, read
from fakes.signals import frames_of
from swictation.vad.silero_cpu import SileroCpu

torch = pytest.importorskip("torch", reason="torch is missing: pip install 'swictation[canary]'")
silero_torch = pytest.importorskip("swictation.vad.silero_torch")

pytestmark = [pytest.mark.gpu, pytest.mark.timeout(280)]

IN_TIME_S = 0.064
LONG_CYCLES = 2_000_000_000
"""About a second of a card's clock."""


@pytest.fixture(scope="module")
def loaded():
    if not torch.cuda.is_available():
        pytest.skip("torch finds no card: is it a build for CPUs?")
    return silero_torch.load("cuda", "")


@pytest.fixture
def detector(gpu, loaded):
    loaded.reset()
    return loaded


class TestSileroOnTheCard(DetectorSuite):
    pass


def test_it_decides_as_the_daemons_own(detector, sample):
    ours, theirs = (probabilities(d, read(sample)) for d in (detector, SileroCpu()))
    assert np.sum((ours > 0.5) != (theirs > 0.5)) <= 0.005 * len(ours)


def test_a_frame_does_not_wait_for_the_engines_kernels(detector, sample, figures):
    engine = torch.cuda.Event()
    frames = frames_of(read(sample))[:20]
    torch.cuda._sleep(LONG_CYCLES)  # on the stream that an engine uses
    engine.record()
    took_s = []
    for frame in frames:
        begun_s = time.monotonic()
        detector.probability(frame.samples)
        took_s.append(time.monotonic() - begun_s)
    assert not engine.query(), "the engine was done before: nothing is shown"
    torch.cuda.synchronize()
    figures["a frame of the detector beside a busy engine, longest"] = f"{1e3 * max(took_s):.1f} ms"
    assert max(took_s) <= IN_TIME_S
