"""The daemon at a desk: how fast it is there, what it costs while nobody speaks.

Bus, sound server and daemon are real, the microphone is a null sink into which recordings are
played; the text goes nowhere, for an injector's speed has its own table (docs/injection.md).
"""

import socket
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from desktop.daemon import Daemon, Desk
from swictation.types import Samples, to_samples
from tests.bench import product, wakeups
from tests.bench.context import Context
from tests.bench.corpus import clips, joined, quiet, write_wav

_WATCH_S = 20.0
_LEARNING_S = 4.0
"""Until the energy gate knows the room."""
_SETTLING_S = 2.0
_FILE_LEARNING_S = 6.0
"""With the start of the program."""
_STARTS = 5
_NAMED = Path(__file__).with_name("named.py")
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
    ups = [_up(desk, *arguments) for _ in range(_STARTS)]
    begun_s = time.monotonic()
    with Daemon(desk, *arguments) as daemon:
        daemon.wait_ready()
        ready_s = time.monotonic() - begun_s
        opened = [_press(daemon) for _ in range(_PRESSES)]
        finals = [_final(desk, daemon, clip.samples()) for clip in clips("read")]
        memory = product.memory(daemon.pid)
        assert memory
        asked = [_timed(lambda: daemon.tell("status", "--json")) for _ in range(5)]
    with _named(desk, *arguments) as (daemon, names):
        daemon.wait_ready()
        Event().wait(_SETTLING_S)
        off = wakeups.watch(daemon.pid, names, _WATCH_S).as_figures()
        silence = _listening(daemon, names)
    return {
        "up_s": round(statistics.median(ups), 2),
        "ready_s": round(ready_s, 2),
        "off": off,
        "listening_to_silence": silence,
        "file": {kind: _file(desk, sound, arguments) for kind, sound in _sounds().items()},
        "open_ms": _spread(opened),
        "off_to_text_ms": _spread(finals),
        "status_s": round(statistics.median(asked), 3),
        "rss_mib": round(memory.rss, 1),
        "private_mib": round(memory.private, 1),
    }


def _up(desk: Desk, *arguments: str) -> float:
    """Seconds from the start of the process to its READY."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        path = desk.folder / "notify"
        path.unlink(missing_ok=True)
        systemd.bind(str(path))
        begun_s = time.monotonic()
        with Daemon(desk, *arguments, NOTIFY_SOCKET=str(path)):
            while b"READY=1" not in systemd.recv(4096):
                pass
            return time.monotonic() - begun_s


@contextmanager
def _named(desk: Desk, *arguments: str) -> Iterator[tuple[Daemon, Path]]:
    """A daemon without readers, and the file with the numbers of its threads."""
    names = desk.folder / "threads"
    program = (str(_NAMED), str(names))
    with Daemon(desk, *arguments, notes=False, program=program) as daemon:
        yield daemon, names


def _sounds() -> dict[str, Samples]:
    seconds = _FILE_LEARNING_S + _WATCH_S + 5.0
    spoken = joined(clips("read"))[: to_samples(seconds)]
    return {"silence": quiet(seconds), "speech": spoken}


def _file(desk: Desk, sound: Samples, arguments: tuple[str, ...]) -> dict[str, object]:
    """A file at the pace of real time."""
    path = desk.folder / "played.wav"
    write_wav(path, sound)
    with _named(desk, "--source", str(path), "--pace", "realtime", *arguments) as (player, names):
        Event().wait(_FILE_LEARNING_S)
        return wakeups.watch(player.pid, names, _WATCH_S).as_figures()


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


def _listening(daemon: Daemon, names: Path) -> dict[str, object]:
    daemon.tell("start")
    Event().wait(_LEARNING_S)
    found = wakeups.watch(daemon.pid, names, _WATCH_S).as_figures()
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
