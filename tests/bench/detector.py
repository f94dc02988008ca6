"""What a frame costs: judged in the daemon, or asked of a detector in a worker.

The worker's is the same Silero on the CPU, so the difference is the socket's and the threads'. What
the two detectors cost by themselves, torch's on the CPU as well: `alone`.
"""

import asyncio
import os
import tempfile
import time
from pathlib import Path
from statistics import median
from threading import Event
from typing import Any

import msgspec
import psutil

from swictation.asr.engine import EngineSpec
from swictation.types import Frame, to_samples
from swictation.vad.detector import WARM_FRAMES, Detector
from swictation.vad.silero_cpu import SileroCpu
from swictation.vad.switchable import AHEAD_FRAMES, DetectorSwitch, SwitchableDetector
from swictation.worker.process import WorkerProcess
from swictation.worker.protocol.messages import PROTOCOL_VERSION, Load, Shutdown
from tests.bench import detector_cost
from tests.bench.context import Context
from tests.bench.corpus import clips
from tests.bench.gate import frames_of

_SCRIPTED = Path(__file__).parent.parent / "fakes" / "scripted_engine"
_SOUND_S = 120.0
_FRAME_S = 0.032
_PACE = Event()
_MOVES = 40


def run(_context: Context) -> dict[str, Any]:
    frames: list[Frame] = []
    for clip in clips("read", "long"):
        frames += frames_of(clip.samples())
    frames = frames[: to_samples(_SOUND_S) // 512]
    return {**asyncio.run(_measure(frames)), "alone": detector_cost.compare()}


async def _measure(frames: list[Frame]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        manifest = Path(folder) / "manifest.json"
        manifest.write_bytes(msgspec.json.encode({"words": []}))
        worker = WorkerProcess(1)
        os.environ["PYTHONPATH"] = str(_SCRIPTED)
        await worker.start()
        spec = EngineSpec("scripted", "", str(manifest), "en", detector="scripted.detector:load")
        worker.send(Load(PROTOCOL_VERSION, spec))
        await worker.receive()
        try:
            return await asyncio.to_thread(_compare, worker, frames)
        finally:
            worker.send(Shutdown())
            await worker.close()


def _compare(worker: WorkerProcess, frames: list[Frame]) -> dict[str, Any]:
    child = psutil.Process(worker.pid)
    before_s = sum(child.cpu_times()[:2])
    remote = _play(worker.detector, frames)
    worker_us = 1e6 * (sum(child.cpu_times()[:2]) - before_s) / len(frames)
    return {
        "frames": len(frames),
        "in_the_daemon": _play(SileroCpu(), frames),
        "through_the_socket": {**remote, "worker_cpu_us": round(worker_us)},
        "move_ms": _moves(worker, frames),
    }


def _play(detector: Detector, frames: list[Frame]) -> dict[str, Any]:
    """CPU of this thread and time that it waits, for each frame."""
    lasted_s: list[float] = []
    cpu_s = time.thread_time()
    for frame in frames:
        begun_s = time.perf_counter()
        detector.probability(frame.samples)
        lasted_s.append(time.perf_counter() - begun_s)
    cpu_s = time.thread_time() - cpu_s
    lasted_s.sort()
    return {
        "daemon_cpu_us": round(1e6 * cpu_s / len(frames)),
        "p50_us": round(1e6 * median(lasted_s)),
        "p99_us": round(1e6 * lasted_s[int(0.99 * len(lasted_s))]),
        "most_us": round(1e6 * lasted_s[-1]),
    }


def _moves(worker: WorkerProcess, frames: list[Frame]) -> dict[str, Any]:
    """How long the frame takes with which another takes over.

    A worker has the time that sound takes to come to hear what was; the daemon's own has none.
    """
    told: list[Any] = []
    switch = DetectorSwitch(told.append)
    detector = SwitchableDetector(SileroCpu(), switch)
    lasted: dict[str, list[float]] = {"to_the_worker": [], "to_the_daemon": []}
    stretch = WARM_FRAMES + AHEAD_FRAMES + 1
    for move in range(_MOVES):
        first = move * stretch % (len(frames) - stretch)
        for frame in frames[first : first + WARM_FRAMES]:
            detector.probability(frame.samples)
        switch.use(None if move % 2 else worker.detector, "")
        after = frames[first + WARM_FRAMES : first + stretch]
        took_ms = [_timed_ms(detector, frame) for frame in after]
        lasted["to_the_daemon" if move % 2 else "to_the_worker"].append(max(took_ms))
    rows = {
        name: {"p50": round(median(ms), 1), "most": round(max(ms), 1)}
        for name, ms in lasted.items()
    }
    return {**rows, "too_late": sum(event.is_fault for event in told)}


def _timed_ms(detector: Detector, frame: Frame) -> float:
    begun_s = time.perf_counter()
    detector.probability(frame.samples)
    took_s = time.perf_counter() - begun_s
    _PACE.wait(max(0.0, _FRAME_S - took_s))
    return 1e3 * took_s
