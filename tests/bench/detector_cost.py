"""What each detector costs by itself: `python -m tests.bench.detector_cost cpu|torch`, as JSON.

A process for each: what one has imported the other would get for nothing.
"""

import importlib
import json
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from threading import Event
from typing import Any

import numpy as np
import psutil

from swictation.audio.wavfile import FileSource
from swictation.types import FRAME_SAMPLES, Samples
from swictation.vad.detector import Detector

_SAMPLE = Path(__file__).parents[2] / "swictation" / "assets" / "sample.flac"
_ROUNDS = 10
_MIB = 1 << 20


def compare() -> dict[str, Any]:
    """Both; torch's is told to be missing where it is."""
    return {kind: _in_a_process(kind) for kind in ("cpu", "torch")}


def _in_a_process(kind: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.bench.detector_cost", kind]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return {"missing": done.stderr.strip().splitlines()[-1]}
    return json.loads(done.stdout)


def _measure(kind: str) -> dict[str, Any]:
    frames = _frames()
    start_mib = _rss_mib()
    if kind == "torch":
        importlib.import_module("torch")
    library_mib = _rss_mib() - start_mib
    begun_s = time.monotonic()
    detector = _load(kind)
    load_s = time.monotonic() - begun_s
    rounds_us = [_round_us(detector, frames) for _ in range(_ROUNDS)]
    return {
        "cpu_us": round(median(rounds_us)),
        "load_s": round(load_s, 2),
        "library_mib": round(library_mib, 1),
        "rss_mib": round(_rss_mib() - start_mib - library_mib, 1),
        "threads": psutil.Process().num_threads(),
    }


def _load(kind: str) -> Detector:
    if kind == "cpu":
        from swictation.vad.silero_cpu import SileroCpu

        return SileroCpu()
    from swictation.vad.silero_torch import load

    return load("cpu", "")


def _round_us(detector: Detector, frames: list[Samples]) -> float:
    """CPU of the whole process: torch may have threads of its own."""
    cpu_s = time.process_time()
    for samples in frames:
        detector.probability(samples)
    return 1e6 * (time.process_time() - cpu_s) / len(frames)


def _frames() -> list[Samples]:
    blocks: list[Samples] = []
    FileSource(_SAMPLE).run(blocks.append, Event())
    samples = np.concatenate(blocks)
    whole = len(samples) // FRAME_SAMPLES * FRAME_SAMPLES
    return list(samples[:whole].reshape(-1, FRAME_SAMPLES))


def _rss_mib() -> float:
    return psutil.Process().memory_info().rss / _MIB


if __name__ == "__main__":
    print(json.dumps(_measure(sys.argv[1])))
