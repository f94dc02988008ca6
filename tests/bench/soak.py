"""Hours of sound through `transcribe` on one core: faster than real time, and memory that stays.

A leak grows with the work done, so the slope is given for an hour of sound, not of the clock; the
first fifth is warm-up and does not count.
"""

import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread
from typing import Any

import numpy as np

from swictation.types import to_samples, to_seconds
from tests.bench import product
from tests.bench.context import Context
from tests.bench.corpus import SPEECH_KINDS, clips, joined, write_wav

_EVERY_S = 1.0
_WARM_UP = 0.2

_Row = tuple[float, float, float]
"""Seconds since the start, MiB of the daemon, MiB of the worker."""


def run(context: Context) -> dict[str, Any]:
    once = joined(clips(*SPEECH_KINDS))
    wanted = to_samples(context.minutes * 60)
    sound = np.tile(once, -(-wanted // len(once)))[:wanted]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "soak.wav"
        write_wav(path, sound)
        return _soak(context.model, path, to_seconds(len(sound)))


def _soak(model: str, path: Path, sound_s: float) -> dict[str, Any]:
    rows: list[_Row] = []
    stop = Event()
    core = max(os.sched_getaffinity(0))
    begun_s = time.monotonic()
    arguments = ["transcribe", "--json", "--model", model, str(path)]
    with product.start(arguments, core) as child:
        watcher = Thread(target=_watch, args=(child.pid, rows, stop))
        watcher.start()
        try:
            output, _ = child.communicate()
        finally:
            stop.set()
            watcher.join()
    took_s = time.monotonic() - begun_s
    found = np.array([row for row in rows if row[0] > _WARM_UP * took_s])
    return {
        "sound_minutes": round(sound_s / 60, 1),
        "exit_status": child.returncode,
        "words": len(output.split()),
        "times_real_time": round(sound_s / took_s, 2),
        "daemon": _memory(found[:, 0], found[:, 1], sound_s / took_s),
        "worker": _memory(found[:, 0], found[:, 2], sound_s / took_s),
    }


def _watch(pid: int, rows: list[_Row], stop: Event) -> None:
    begun_s = time.monotonic()
    while not stop.wait(_EVERY_S):
        daemon, worker = product.memory(pid), product.memory(product.worker_of(pid))
        if daemon and worker:
            rows.append((time.monotonic() - begun_s, daemon.rss, worker.rss))


def _memory(at_s: np.ndarray, mib: np.ndarray, speed: float) -> dict[str, float]:
    a_second = float(np.polyfit(at_s, mib, 1)[0])
    tenth = max(1, len(mib) // 10)
    return {
        "first_mib": round(float(np.median(mib[:tenth])), 1),
        "last_mib": round(float(np.median(mib[-tenth:])), 1),
        "max_mib": round(float(mib.max()), 1),
        "slope_mib_per_h": round(a_second * 3600 / speed, 2),
    }
