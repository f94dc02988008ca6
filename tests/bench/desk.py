"""The daemon at a desk: how fast it is there, what it costs while nobody speaks.

Bus, sound server and daemon are real, the microphone is a null sink into which recordings are
played; the text goes nowhere, for an injector's speed has its own table (docs/injection.md).
"""

import socket
import statistics
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import Any

import numpy as np
import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))

from desktop.daemon import Daemon, Desk
from tests.bench import product
from tests.bench.context import Context
from tests.bench.corpus import clips, quiet

_WATCH_S = 20.0
_LEARNING_S = 4.0
"""Until the energy gate knows the room."""
_PRESSES = 12
_SPOKEN_S = 2.2
"""With what the start of speech needs to be noticed, and the command to start: under 3 s."""


def run(context: Context) -> dict[str, Any]:
    with (
        TemporaryDirectory(dir=Path.home()) as folder,
        Desk(Path(folder), {"XDG_STATE_HOME": f"{folder}/state"}) as desk,
        # A null sink that nobody plays into sleeps, which no microphone does.
        desk.microphone.play(quiet(3600.0)) as hum,
    ):
        try:
            return _measure(desk, context)
        finally:
            hum.kill()


def _measure(desk: Desk, context: Context) -> dict[str, Any]:
    arguments = ("--sink", "none", "--model", context.model)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(path := str(desk.folder / "notify"))
        begun_s = time.monotonic()
        with Daemon(desk, *arguments, NOTIFY_SOCKET=path):
            while b"READY=1" not in systemd.recv(4096):
                pass
            up_s = time.monotonic() - begun_s
    begun_s = time.monotonic()
    with Daemon(desk, *arguments) as daemon:
        daemon.wait_ready()
        ready_s = time.monotonic() - begun_s
        opened = [_press(daemon) for _ in range(_PRESSES)]
        finals = [_final(desk, daemon, clip.samples()) for clip in clips("read")]
        memory = product.memory(daemon.pid)
        assert memory
        asked = [_timed(lambda: daemon.tell("status", "--json")) for _ in range(5)]
    with Daemon(desk, *arguments, notes=False) as daemon:
        daemon.wait_ready()
        off = _cost(daemon.pid)
        silence = _listening(daemon)
    return {
        "up_s": round(up_s, 2),
        "ready_s": round(ready_s, 2),
        "off": off,
        "listening_to_silence": silence,
        "open_ms": _spread(opened),
        "off_to_text_ms": _spread(finals),
        "status_s": round(statistics.median(asked), 3),
        "rss_mib": round(memory.rss, 1),
        "private_mib": round(memory.private, 1),
    }


def _cost(pid: int) -> dict[str, float]:
    """Percent of a core and voluntary switches a second, of all threads of the daemon."""
    process = psutil.Process(pid)

    def used() -> tuple[float, int]:
        cpu = process.cpu_times()
        switches = sum(
            int(line.split()[1])
            for task in Path(f"/proc/{pid}/task").iterdir()
            for line in (task / "status").read_text().splitlines()
            if line.startswith("voluntary_ctxt_switches")
        )
        return cpu.user + cpu.system, switches

    before, begun_s = used(), time.monotonic()
    Event().wait(_WATCH_S)
    after, took_s = used(), time.monotonic() - begun_s
    return {
        "cpu_percent": round(100 * (after[0] - before[0]) / took_s, 2),
        "wakeups_per_s": round((after[1] - before[1]) / took_s, 2),
    }


def _press(daemon: Daemon) -> float:
    """Milliseconds from the key's arrival on the bus to the open microphone."""
    count = len(daemon.events("microphone"))
    daemon.tell("start")
    while not _opened(daemon, count):
        Event().wait(0.02)
    pressed = [e["t_s"] for e in daemon.events("state") if e["state"] == "listening"][-1]
    opened_s = _opened(daemon, count)[0]
    daemon.tell("stop")
    daemon.wait_idle()
    return 1000 * (opened_s - pressed)


def _opened(daemon: Daemon, since: int) -> list[float]:
    return [e["t_s"] for e in daemon.events("microphone")[since:] if e["health"] == "open"]


def _listening(daemon: Daemon) -> dict[str, float]:
    daemon.tell("start")
    Event().wait(_LEARNING_S)
    found = _cost(daemon.pid)
    daemon.tell("stop")
    daemon.wait_idle()
    return found


def _final(desk: Desk, daemon: Daemon, samples: np.ndarray) -> float:
    """Milliseconds from toggle-off, in mid-speech, to the last words; 0 if there were none."""
    daemon.tell("start")
    begun = len(daemon.events("speech_started"))
    with desk.microphone.play(samples) as player:
        daemon.wait_event("speech_started", begun + 1)
        Event().wait(_SPOKEN_S)
        daemon.tell("stop")
        player.kill()
    daemon.wait_idle()
    stopped_s = [e["t_s"] for e in daemon.events("state") if e["state"] == "transcribing"]
    texts = [e for e in daemon.events("commit") if e["t_s"] >= stopped_s[-1]]
    return 1000 * (texts[-1]["t_s"] - stopped_s[-1]) if texts else 0.0


def _timed(action: Any) -> float:
    begun_s = time.monotonic()
    action()
    return time.monotonic() - begun_s


def _spread(values: list[float]) -> dict[str, float]:
    ordered = sorted(value for value in values if value)
    return {
        "n": len(ordered),
        "p50": round(statistics.median(ordered), 1),
        "max": round(ordered[-1], 1),
    }
