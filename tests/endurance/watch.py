"""What processes hold while they work: read every second, and judged at the end."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import psutil

_EVERY_S = 0.5
_WARM_UP = 0.2
_MIB = 2**20
Reader = Callable[[], dict[str, float]]


class Watch:
    """Reads figures by name, on a thread of its own."""

    def __init__(self, read: Reader, every_s: float = _EVERY_S) -> None:
        """`read`: the figures now; {} while there are none."""
        self._read = read
        self._every_s = every_s
        self._rows: list[tuple[float, dict[str, float]]] = []
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watch")

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    @property
    def seconds(self) -> float:
        """From the first reading to the last."""
        return self._rows[-1][0] - self._rows[0][0] if self._rows else 0.0

    def courses(self) -> dict[str, "Course"]:
        """What became of each figure after the first fifth."""
        names = list(dict.fromkeys(name for _, row in self._rows for name in row))
        return {name: self._course(name) for name in names}

    def _course(self, name: str) -> "Course":
        rows = [(at_s, row[name]) for at_s, row in self._rows if name in row]
        first_s, last_s = rows[0][0], rows[-1][0]
        begin_s = first_s + _WARM_UP * (last_s - first_s)
        at_s, values = (np.array(column) for column in zip(*rows, strict=True))
        return Course.of(at_s[at_s >= begin_s], values[at_s >= begin_s])

    def _watch(self) -> None:
        begun_s = time.monotonic()
        while not self._is_over.wait(self._every_s):
            if row := self._read():
                self._rows.append((time.monotonic() - begun_s, row))


@dataclass(frozen=True)
class Course:
    """A figure from the end of the warm-up to the end."""

    first: float
    last: float
    most: float
    slope_an_hour: float
    seconds: float

    @classmethod
    def of(cls, at_s: Any, values: Any) -> "Course":
        tenth = max(1, len(values) // 10)
        slope = float(np.polyfit(at_s, values, 1)[0]) if len(values) > 2 else 0.0
        return cls(
            first=float(np.median(values[:tenth])),
            last=float(np.median(values[-tenth:])),
            most=float(np.max(values)),
            slope_an_hour=slope * 3600,
            seconds=float(at_s[-1] - at_s[0]),
        )

    @property
    def growth(self) -> float:
        return self.last - self.first


def of_process(name: str, pid: int) -> dict[str, float]:
    """Memory in MiB, open files and threads of a process; {} when it is gone."""
    try:
        process = psutil.Process(pid)
        memory = process.memory_full_info()
        return {
            f"{name} RSS": memory.rss / _MIB,
            f"{name} PSS": memory.pss / _MIB,
            f"{name} private": memory.uss / _MIB,
            f"{name} files": float(process.num_fds()),
            f"{name} threads": float(process.num_threads()),
        }
    except psutil.Error:
        return {}


def table(courses: dict[str, Course], speed: float) -> str:
    """One line a figure; the slope is for an hour of sound, heard `speed` times as fast."""
    head = f"{'':16} {'first':>9} {'last':>9} {'most':>9} {'an hour of sound':>17}"
    rows = [
        f"{name:16} {course.first:9.2f} {course.last:9.2f} {course.most:9.2f}"
        f" {course.slope_an_hour / speed:+17.2f}"
        for name, course in courses.items()
    ]
    return "\n".join([head, *rows])
