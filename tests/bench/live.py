"""The product in real time: overhead of its commits, cost of its partials, memory of its processes.

`swictation run --pace realtime` plays joined recordings at the speed of speech and writes its
events. Overhead is what a commit waits for beside sound and engine: its moment less the later of
the decision point's arrival and the end of the decode that serves it.
"""

import json
from pathlib import Path
from subprocess import Popen, TimeoutExpired
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from swictation.types import to_samples, to_seconds
from tests.bench import product, score
from tests.bench.context import Context
from tests.bench.corpus import clips, joined, quiet, write_wav

_EVERY_S = 2.0
_MARGINS_S = 0.5
"""Of every utterance: 0.3 s before its speech and 0.2 s after it are in its span."""


def run(context: Context) -> dict[str, Any]:
    sound = joined(clips("read", "command", "command-slots"))[: to_samples(context.live_s)]
    sound = np.concatenate([sound, quiet(1.5)])
    with TemporaryDirectory() as folder:
        path, log = Path(folder) / "live.wav", Path(folder) / "events.jsonl"
        write_wav(path, sound)
        watched = _play(context.model, path, log, to_seconds(len(sound)))
        events = [json.loads(line) for line in log.read_text().splitlines()]
    return {**watched, **_from_events(events, to_seconds(len(sound)))}


def _play(model: str, path: Path, log: Path, sound_s: float) -> dict[str, Any]:
    arguments = ["run", "--source", str(path), "--pace", "realtime", "--sink", "none"]
    daemon: list[product.Memory] = []
    worker: list[product.Memory] = []
    used: dict[str, float] = {}
    with product.start([*arguments, "--events", str(log), "--model", model]) as child:
        forbidden: set[str] = set()
        while child.poll() is None:
            _wait(child, _EVERY_S)
            worker_pid = product.worker_of(child.pid)
            ours, theirs = product.memory(child.pid), product.memory(worker_pid)
            if ours and theirs and worker_pid:
                daemon.append(ours)
                worker.append(theirs)
                forbidden |= set(product.forbidden_libraries(child.pid))
                used = {
                    "daemon": product.cpu_s(child.pid),
                    "worker": product.cpu_s(worker_pid),
                }
    return {
        "daemon": {
            **_largest(daemon),
            "cpu_percent": round(100 * used["daemon"] / sound_s, 1),
            "forbidden": sorted(forbidden),
        },
        "worker": {
            **_largest(worker),
            "cpu_percent": round(100 * used["worker"] / sound_s, 1),
        },
    }


def _wait(child: Popen[str], seconds: float) -> None:
    try:
        child.wait(seconds)
    except TimeoutExpired:
        return


def _largest(found: list[product.Memory]) -> dict[str, float]:
    return {
        "rss_mib": round(max(memory.rss for memory in found), 1),
        "pss_mib": round(max(memory.pss for memory in found), 1),
        "private_mib": round(max(memory.private for memory in found), 1),
    }


def _from_events(events: list[dict[str, Any]], sound_s: float) -> dict[str, Any]:
    named = {
        name: [event for event in events if event["event"] == name]
        for name in ("commit", "partial", "final", "fault")
    }
    speech_s = sum(event["end_s"] - event["start_s"] - _MARGINS_S for event in named["final"])
    partials_cpu_s = sum(event["cpu_s"] for event in named["partial"])
    return {
        "overhead_ms": score.percentiles((e["overhead_ms"] for e in named["commit"]), digits=1),
        "partials": {
            "n": len(named["partial"]),
            "cpu_s_per_speech_s": round(partials_cpu_s / speech_s, 3),
            "speech_s": round(speech_s, 1),
        },
        "sound_s": round(sound_s, 1),
        "faults": len(named["fault"]),
    }
