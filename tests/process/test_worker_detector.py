"""A detector in a real worker: it answers as the daemon's own, and its faults cost no frame."""

import asyncio
import contextlib
import os
import signal

import msgspec
import numpy as np
import pytest

from fakes.scripted_engine.program import HERE
from fakes.scripted_engine.sound import make_scene
from fakes.signals import frames_of, noise, silence
from patience import PATIENCE_S
from swictation.asr.engine import EngineSpec
from swictation.config.settings import VadSettings
from swictation.errors import DetectorError
from swictation.events import DetectorMoved
from swictation.types import FRAME_SAMPLES
from swictation.vad.endpointer import Endpointer
from swictation.vad.segmenter import SpeechSegmenter
from swictation.vad.silero_cpu import SileroCpu
from swictation.vad.switchable import DetectorSwitch, SwitchableDetector
from swictation.worker.process import WorkerProcess
from swictation.worker.protocol.messages import (
    PROTOCOL_VERSION,
    Load,
    LoadFailed,
    Ping,
    Pong,
    Ready,
    Shutdown,
)

pytestmark = pytest.mark.process


@pytest.fixture(autouse=True)
def scripted(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(HERE))


@pytest.fixture
def sound():
    """Speech between silences, as frames."""
    samples = np.concatenate([silence(0.5), make_scene(1, 2).samples, silence(0.5)])
    return frames_of(samples)


@contextlib.asynccontextmanager
async def worker(tmp_path, *frames, detector="scripted.detector:load", faults=()):
    """A worker that is ready, its detector with all the time it may need."""
    path = tmp_path / "manifest.json"
    path.write_bytes(msgspec.json.encode({"words": [], "faults": faults, "frames": frames}))
    one = WorkerProcess(1)
    await one.start()
    try:
        spec = EngineSpec("scripted", "", str(path), "en", detector=detector)
        one.send(Load(PROTOCOL_VERSION, spec))
        answer = await asyncio.wait_for(one.receive(), PATIENCE_S)
        assert isinstance(answer, Ready | LoadFailed)
        one.detector.deadline_s = PATIENCE_S
        yield one
    finally:
        one.send(Shutdown())
        one.ending = await one.close()


def listen(detector, frames, before=lambda number: None):
    listener = SpeechSegmenter(detector, Endpointer(VadSettings()))
    points = []
    for number, frame in enumerate(frames):
        before(number)
        points += listener.feed(frame)
    return points + listener.flush(frames[-1].end_sample)


class Placement:
    """A detector in a worker's hands from its first frame on, and what was told of it."""

    def __init__(self, one):
        self.told = []
        self.one = one
        self.switch = DetectorSwitch(self.told.append)
        self.switch.use(one.detector, "it serves")
        self.detector = SwitchableDetector(SileroCpu(), self.switch)

    def check(self, frames, before=lambda number: None):
        """The points are those of the CPU alone."""
        found = listen(self.detector, frames, before)
        assert found == listen(SileroCpu(), frames)
        assert len(found) > 4

    @property
    def reason(self):
        """Why it was left, for a fault."""
        moved, back = self.told
        assert moved == DetectorMoved("gpu", "it serves", is_fault=False)
        assert (back.placement, back.is_fault) == ("cpu", True)
        return back.reason


def in_a_worker(tmp_path, test, *frames, **options):
    async def main():
        async with worker(tmp_path, *frames, **options) as one:
            await asyncio.to_thread(test, Placement(one))

    asyncio.run(main())


def test_it_answers_as_the_daemons_own(tmp_path, sound):
    def test(seat):
        seat.check(sound)
        assert [event.placement for event in seat.told] == ["gpu"]

    in_a_worker(tmp_path, test)


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ({"kind": "die"}, "its process is gone"),
        ({"kind": "raise"}, "its process is gone"),
        ({"kind": "nan"}, "nan"),
        ({"kind": "beyond"}, "1.5"),
        ({"kind": "garbage"}, "7 bytes"),
        ({"kind": "wrong-number"}, "nobody asked"),
    ],
)
def test_whatever_it_does_not_a_frame_is_lost(tmp_path, sound, fault, why):
    def test(seat):
        seat.check(sound)
        assert why in seat.reason

    in_a_worker(tmp_path, test, {"frame": 60, **fault})


def test_a_late_answer_is_not_waited_for(tmp_path, sound):
    def test(seat):
        def hurry(number):
            if number == 59:  # the 60th frame, and the silence before them all
                seat.one.detector.deadline_s = 0.064

        seat.check(sound, hurry)
        assert seat.reason == "no answer within 64 ms"

    in_a_worker(tmp_path, test, {"frame": 60, "kind": "late", "seconds": 20.0})


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_worker_that_is_ended_or_stopped_in_mid_stream_costs_no_frame(tmp_path, sound, number):
    def test(seat):
        def strike(frame):
            if frame == 70:
                seat.one.detector.deadline_s = 0.064
                os.kill(seat.one.pid, number)

        seat.check(sound, strike)
        assert seat.reason

    in_a_worker(tmp_path, test)


def test_a_worker_that_is_closed_in_mid_stream_is_no_trouble(tmp_path, sound):
    """As the run loop does it: the wish first, the socket at any moment."""

    def test(seat):
        def close(frame):
            if frame == 70:
                seat.switch.use(None, "the GPU is full")
                seat.one.detector.close()

        seat.check(sound, close)
        assert seat.told[1:] == [DetectorMoved("cpu", "the GPU is full", is_fault=False)]

    in_a_worker(tmp_path, test)


@pytest.mark.parametrize("detector", ["", "unknown"])
def test_without_a_detector_the_engine_works_and_the_socket_is_closed(tmp_path, detector):
    async def main():
        async with worker(tmp_path, detector=detector) as one:
            with pytest.raises(DetectorError, match="gone"):
                one.detector.probability(noise(FRAME_SAMPLES, -25.0))

    asyncio.run(main())


def test_one_that_cannot_be_loaded_does_not_stop_the_engine(tmp_path):
    async def main():
        async with worker(tmp_path, {"frame": 0, "kind": "raise"}) as one:
            with pytest.raises(DetectorError, match="gone"):
                one.detector.probability(noise(FRAME_SAMPLES, -25.0))

    asyncio.run(main())


def test_it_ends_with_its_worker(tmp_path, sound):
    async def main():
        async with worker(tmp_path) as one:
            assert await asyncio.to_thread(one.detector.probability, sound[0].samples) < 0.5
            one.send(Shutdown())
            assert await one.receive() is None
        assert one.ending == "", "it left by itself and in order"

    asyncio.run(main())


@pytest.mark.parametrize("kind", ["poison", "lose", "hang"])
def test_a_device_in_doubt_ends_the_whole_worker(tmp_path, sound, kind):
    async def main():
        async with worker(tmp_path, {"frame": 60, "kind": kind}) as one:
            seat = Placement(one)
            await asyncio.to_thread(seat.check, sound)
            assert "gone" in seat.reason
            assert await asyncio.wait_for(one.receive(), PATIENCE_S) is None
        assert one.ending == "it exited with 3"

    asyncio.run(main())


def test_a_fault_of_its_own_leaves_the_engine_at_work(tmp_path, sound):
    async def main():
        async with worker(tmp_path, {"frame": 60, "kind": "raise"}) as one:
            await asyncio.to_thread(Placement(one).check, sound)
            one.send(Ping())
            assert await asyncio.wait_for(one.receive(), PATIENCE_S) == Pong()

    asyncio.run(main())
