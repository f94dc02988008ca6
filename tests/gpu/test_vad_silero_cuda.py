"""The worker's detector on a real GPU: it decides as on the processor, and waits for nobody.

In processes of their own only: a context in this one would stay, and other tests want none.
"""

import asyncio
import os
import subprocess
import sys
import threading
from importlib.util import find_spec

import msgspec
import numpy as np
import pytest

from contract.vad_detector_suite import DetectorSuite, probabilities, read
from fakes.scripted_engine.program import HERE
from swictation.asr.engine import EngineSpec
from swictation.vad.silero_cpu import SileroCpu
from swictation.worker.process import WorkerProcess
from swictation.worker.protocol.messages import PROTOCOL_VERSION, Load, Ready, Shutdown

pytestmark = [pytest.mark.gpu, pytest.mark.timeout(280)]

PATIENCE_S = 120.0
BUSY = """
import sys, time
import numpy as np, torch
from swictation.vad.silero_torch import load
detector, noise = load("cuda", ""), np.random.default_rng(1).integers(-3000, 3000, (20, 512))
done = torch.cuda.Event()
torch.cuda._sleep(2_000_000_000)  # about a second, in the stream that an engine uses
done.record()
took_s = []
for frame in noise.astype(np.int16):
    begun_s = time.monotonic()
    detector.probability(frame)
    took_s.append(time.monotonic() - begun_s)
assert not done.query(), "the engine was done before: nothing is shown"
torch.cuda.synchronize()
print(max(took_s))
"""


@pytest.fixture
def torch_sees_it(gpu):
    if find_spec("torch") is None or find_spec("silero_vad") is None:
        pytest.skip("torch or silero-vad is missing: python -m pip install 'swictation[canary]'")
    code = "import torch; raise SystemExit(not torch.cuda.is_available())"
    if subprocess.run([sys.executable, "-c", code], check=False, timeout=120).returncode:
        pytest.skip("torch finds no GPU, though NVML shows one: is it a build for CPUs?")
    return gpu


class Loop:
    """A run loop in a thread of its own, for a worker of which only the detector is asked."""

    def __init__(self):
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

    def run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(PATIENCE_S)

    def end(self):
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@pytest.fixture
def detector(torch_sees_it, tmp_path, monkeypatch):
    """In a worker on the GPU, whose engine is the scripted one."""
    path = os.pathsep.join(filter(None, [str(HERE), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("PYTHONPATH", path)
    manifest = tmp_path / "manifest.json"
    manifest.write_bytes(msgspec.json.encode({"card": {}}))
    spec = EngineSpec("scripted", "", str(manifest), "en", device="cuda", gpu=torch_sees_it)
    spec = msgspec.structs.replace(spec, detector="swictation.vad.silero_torch:load")
    loop, worker = Loop(), WorkerProcess(1)
    try:
        assert isinstance(loop.run(ready(worker, spec)), Ready)
        worker.detector.deadline_s = PATIENCE_S
        yield worker.detector
        loop.run(end(worker))
    finally:
        loop.end()


async def ready(worker, spec):
    await worker.start()
    worker.send(Load(PROTOCOL_VERSION, spec))
    return await worker.receive()


async def end(worker):
    worker.send(Shutdown())
    await worker.close()


class TestSileroOnTheCard(DetectorSuite):
    def test_it_decides_as_the_daemons_own(self, detector, sample):
        ours, theirs = (probabilities(d, read(sample)) for d in (detector, SileroCpu()))
        assert np.sum((ours > 0.5) != (theirs > 0.5)) <= 0.005 * len(ours)


def test_a_frame_does_not_wait_for_the_engines_kernels(torch_sees_it, figures):
    command = [sys.executable, "-c", BUSY]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)
    assert (done.returncode, done.stderr) == (0, "")
    longest_ms = 1e3 * float(done.stdout)
    figures["a frame of the detector beside a busy engine, longest"] = f"{longest_ms:.1f} ms"
    assert longest_ms <= 64.0
