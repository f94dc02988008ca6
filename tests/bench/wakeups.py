"""Wake-ups and CPU of a program, thread by thread: ours by name, the libraries' told apart."""

import time
from pathlib import Path
from threading import Event

import msgspec

LIBRARIES = "libraries"
"""PortAudio's and the sound server's client library: whoever has sound come has them."""


class Cost(msgspec.Struct, frozen=True):
    """Of some time: each thread's voluntary switches a second, and all threads' CPU."""

    by_thread: dict[str, float]
    cpu_percent: float

    @property
    def ours(self) -> float:
        return sum(each for name, each in self.by_thread.items() if name != LIBRARIES)

    def as_figures(self) -> dict[str, object]:
        libraries = self.by_thread.get(LIBRARIES, 0.0)
        return {
            "cpu_percent": self.cpu_percent,
            "wakeups_per_s": round(self.ours + libraries, 2),
            "own_wakeups_per_s": round(self.ours, 2),
            "library_wakeups_per_s": round(libraries, 2),
            "by_thread": {name: each for name, each in self.by_thread.items() if each},
        }


def watch(pid: int, names: Path, seconds: float) -> Cost:
    """What a program started by `tests.bench.named` costs from now on; `names` is its file."""
    begun_s, before = time.monotonic(), _threads(pid)
    Event().wait(seconds)
    took_s, now = time.monotonic() - begun_s, _threads(pid)
    known = dict(line.split(" ", 1) for line in names.read_text().splitlines())
    by_thread: dict[str, float] = {}
    cpu_s = 0.0
    for number, (used_s, woken) in now.items():
        used_before_s, woken_before = before.get(number, (0.0, 0))
        name = known.get(number, LIBRARIES)
        cpu_s += used_s - used_before_s
        by_thread[name] = by_thread.get(name, 0.0) + (woken - woken_before) / took_s
    rounded = {name: round(each, 2) for name, each in sorted(by_thread.items())}
    return Cost(rounded, round(100 * cpu_s / took_s, 2))


def _threads(pid: int) -> dict[str, tuple[float, int]]:
    """CPU seconds and voluntary switches by thread."""
    found: dict[str, tuple[float, int]] = {}
    for folder in Path(f"/proc/{pid}/task").iterdir():
        run_ns = int((folder / "schedstat").read_text().split()[0])
        status = (folder / "status").read_text()
        woken = int(status.split("\nvoluntary_ctxt_switches:")[1].split()[0])
        found[folder.name] = (run_ns / 1e9, woken)
    return found
