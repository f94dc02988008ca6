"""What all of the program holds of the host's memory with a Canary loaded on the processor.

On a GPU the weights are there instead, so that this is the most it can be.
"""

import json
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import Any

import psutil

from tests.bench.canary import models
from tests.bench.canary.apart import environment
from tests.bench.context import Context
from tests.bench.corpus import quiet, write_wav

_PRECISIONS = ("fp16", "int8")
_NAMES = ("180m-flash", "1b-flash")
_LOAD_WITHIN_S = 300.0
_MIB = 2**20


def run(_context: Context) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in _NAMES:
        with models.real(name) as folder:
            found[name] = {it: _of(folder, it) for it in _PRECISIONS}
    return found


def _of(model: Path, precision: str) -> dict[str, float]:
    """MiB (PSS) of the daemon and all its children: at most, and once the model is ready."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        write_wav(folder / "quiet.wav", quiet(2 * _LOAD_WITHIN_S))
        events = folder / "events.jsonl"
        arguments = [
            *("run", "--engine", "canary", "--model", str(model), "--device", "cpu"),
            *("--precision", precision, "--source", str(folder / "quiet.wav")),
            *("--pace", "realtime", "--sink", "none", "--events", str(events)),
        ]
        child = subprocess.Popen(
            [sys.executable, "-m", "swictation", *arguments],
            stdout=subprocess.DEVNULL,
            env={**environment(), "XDG_STATE_HOME": name},
        )
        try:
            return _watched(child.pid, events)
        finally:
            child.terminate()
            child.wait()


def _watched(pid: int, events: Path) -> dict[str, float]:
    most_mib, deadline_s = 0.0, time.monotonic() + _LOAD_WITHIN_S
    while not _is_ready(events):
        most_mib = max(most_mib, _pss_mib(pid))
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"no model after {_LOAD_WITHIN_S:.0f} s")
        Event().wait(0.2)
    Event().wait(2.0)
    return {"most_mib": round(most_mib), "ready_mib": round(_pss_mib(pid))}


def _is_ready(events: Path) -> bool:
    lines = events.read_text().splitlines() if events.exists() else []
    told = [json.loads(line) for line in lines if line.endswith("}")]
    return any(it["event"] == "worker" and it["state"] == "ready" for it in told)


def _pss_mib(pid: int) -> float:
    found = 0.0
    for process in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]:
        try:
            found += process.memory_full_info().pss / _MIB
        except psutil.NoSuchProcess:
            continue
    return found
