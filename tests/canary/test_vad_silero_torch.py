"""The detector that a worker has beside a torch engine: here on the processor.

It decides as the daemon's own, frame by frame, and changes nothing for the engine beside it.
"""

import asyncio
import contextlib
import hashlib
import json
import os
import subprocess
import sys

import msgspec
import numpy as np
import pytest

from contract.vad_detector_suite import DetectorSuite, probabilities, read
from fakes.scripted_engine.program import HERE, Gate
from fakes.signals import frames_of
from swictation.asr.engine import EngineSpec
from swictation.config.settings import VadSettings
from swictation.errors import DetectorError
from swictation.remedies import pip
from swictation.types import FRAME_SAMPLES, DecodeRequest
from swictation.vad.endpointer import Endpointer
from swictation.vad.segmenter import SpeechSegmenter
from swictation.vad.silero_cpu import SileroCpu
from swictation.vad.switchable import DetectorSwitch, SwitchableDetector
from swictation.worker.process import WorkerProcess
from swictation.worker.protocol.messages import (
    PROTOCOL_VERSION,
    Answer,
    Decode,
    Load,
    Ready,
    Shutdown,
)

torch = pytest.importorskip("torch", reason="torch is missing: make test-canary")
silero_torch = pytest.importorskip("swictation.vad.silero_torch")

pytestmark = [pytest.mark.canary, pytest.mark.timeout(240)]

SILERO_6_2_SHA256 = "e1122837f4154c511485fe0b9c64455f7b929c96fbb8d79fbdb336383ebd3720"
PATIENCE_S = 120.0
"""A cold import of torch alone may take a quarter of it."""


@pytest.fixture(scope="module")
def loaded():
    return silero_torch.load("cpu", "")


@pytest.fixture
def fresh(loaded):
    loaded.reset()
    return loaded


class TestSileroTorch(DetectorSuite):
    @pytest.fixture
    def detector(self, fresh):
        return fresh


def test_the_weights_are_those_that_the_daemons_detector_has():
    """Of 6.2, as `contract/test_vad_detector.py` has them in another format."""
    assert hashlib.sha256(silero_torch._jit_file().read_bytes()).hexdigest() == SILERO_6_2_SHA256


def recordings(folder):
    rows = (json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines())
    return [read(folder / row["audio"]) for row in rows]


class Played:
    """A detector that has said it all before."""

    def __init__(self, found):
        self._found = iter(found)

    def probability(self, _):
        return next(self._found)

    def reset(self):
        pass


def points(detector, samples):
    listener = SpeechSegmenter(detector, Endpointer(VadSettings()))
    found = [point for frame in frames_of(samples) for point in listener.feed(frame)]
    return found + listener.flush(len(samples))


def test_it_decides_as_the_daemons_own_on_recordings_of_people(fresh, speech_dir):
    """Goals: at most 0.5 % of frames decided otherwise, bounds within two frames."""
    own = SileroCpu()
    different = frames = utterances = 0
    for samples in recordings(speech_dir):
        fresh.reset()
        own.reset()
        ours, theirs = (probabilities(d, samples) for d in (fresh, own))
        frames += len(ours)
        for threshold in (0.5, 0.35):
            different += int(np.sum((ours > threshold) != (theirs > threshold)))
        found, wanted = (points(Played(p), samples) for p in (ours, theirs))
        assert [type(point) for point in found] == [type(point) for point in wanted]
        for one, other in zip(found, wanted, strict=True):
            assert abs(one.at_sample - other.at_sample) <= 2 * FRAME_SAMPLES
        utterances += len(wanted) > 0
    assert frames > 3000
    assert utterances > 10
    assert different <= 0.005 * frames


def test_it_changes_nothing_that_counts_for_the_whole_process():
    code = """
import sys, torch
torch.set_num_threads(2)
def all_of_it():
    return (torch.get_num_threads(), torch.is_grad_enabled(), torch.is_inference_mode_enabled(),
        torch.get_default_dtype(), torch.backends.cudnn.allow_tf32, torch.backends.cudnn.benchmark)
before = all_of_it()
from swictation.vad.silero_torch import load
load("cpu", "")
assert all_of_it() == before, all_of_it()
assert "silero_vad" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_without_its_package_the_error_says_how_to_install_it(monkeypatch):
    monkeypatch.setattr(silero_torch, "_PACKAGE", "silero-vad-that-nobody-has")
    with pytest.raises(DetectorError, match="not installed") as caught:
        silero_torch.load("cpu", "")
    assert caught.value.remedy == pip("install silero-vad-that-nobody-has")


# --- in a real worker, beside an engine -----------------------------------------------------------


@contextlib.asynccontextmanager
async def worker(manifest, *faults):
    """A worker with the scripted engine and this detector, ready."""
    manifest.write_bytes(msgspec.json.encode({"words": [], "faults": faults}))
    one = WorkerProcess(1)
    await one.start()
    try:
        detector = "swictation.vad.silero_torch:load"
        spec = EngineSpec("scripted", "", str(manifest), "en", detector=detector)
        one.send(Load(PROTOCOL_VERSION, spec))
        assert isinstance(await asyncio.wait_for(one.receive(), PATIENCE_S), Ready)
        yield one
    finally:
        one.send(Shutdown())
        await one.close()


@pytest.fixture(autouse=True)
def scripted(monkeypatch):
    path = os.pathsep.join(filter(None, [str(HERE), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("PYTHONPATH", path)


def test_in_a_worker_it_answers_in_time_or_the_frame_is_handed_over(tmp_path, sample):
    """With the product's own 64 ms: on a busy machine it may be left, and no bound is another."""
    samples = np.tile(read(sample), 3)
    told = []

    async def main():
        async with worker(tmp_path / "manifest.json") as one:
            switch = DetectorSwitch(told.append)
            switch.use(one.detector, "it serves")
            detector = SwitchableDetector(SileroCpu(), switch)
            return await asyncio.to_thread(points, detector, samples)

    found = asyncio.run(main())
    assert found == points(SileroCpu(), samples)
    assert [event.placement for event in told] in (["gpu"], ["gpu", "cpu"])
    assert all("within 64 ms" in event.reason for event in told[1:])


def test_it_answers_while_the_engine_is_busy(tmp_path, sample):
    frames = frames_of(read(sample))
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    fault = {"kind": "gate", "on": "decode", "args": {"path": str(gate)}}
    own = SileroCpu()

    async def main():
        async with worker(tmp_path / "manifest.json", fault) as one:
            one.detector.deadline_s = PATIENCE_S
            one.send(Decode(DecodeRequest(1, 0, 0, 16_000), bytes(32_000)))
            busy = Gate(gate)
            await asyncio.to_thread(busy.__enter__)
            try:
                for frame in frames:
                    told = await asyncio.to_thread(one.detector.probability, frame.samples)
                    assert told == pytest.approx(own.probability(frame.samples), abs=0.02)
            finally:
                busy.__exit__()
            answer = await asyncio.wait_for(one.receive(), PATIENCE_S)
            assert isinstance(answer, Answer)

    asyncio.run(main())
