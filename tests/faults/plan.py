"""What may happen, and when."""

import itertools
from typing import Literal, NamedTuple

Moment = Literal[
    "idle",
    "loading",
    "first chunk",
    "mid-utterance",
    "last chunk",
    "two utterances queued",
]
MOMENTS: tuple[Moment, ...] = (
    *("idle", "loading", "first chunk", "mid-utterance", "last chunk"),
    "two utterances queued",
)
DECODES: dict[Moment, dict[str, object]] = {
    "first chunk": {"utterance": 0},
    "mid-utterance": {"utterance": 1, "forced": True},
    "last chunk": {"utterance": 2},
    "two utterances queued": {"utterance": 0},
}
"""Which decode of the scene it is: three utterances, the second said in two breaths."""

Fault = Literal[
    "OOM",
    "719",
    "999",
    "700",
    "SIGSEGV",
    "SIGKILL",
    "hang",
    "lies about ready",
    "floods",
    "GPU lost",
    "driver unloaded",
    "browser takes 1.6 GB",
]
FAULTS: tuple[Fault, ...] = (
    *("OOM", "719", "999", "700", "SIGSEGV", "SIGKILL", "hang", "lies about ready", "floods"),
    *("GPU lost", "driver unloaded", "browser takes 1.6 GB"),
)

DEEDS: dict[Fault, dict[str, object]] = {
    "OOM": {"kind": "oom"},
    "719": {"kind": "cuda", "code": 719},
    "999": {"kind": "cuda", "code": 999},
    "700": {"kind": "cuda", "code": 700},
    "SIGSEGV": {"kind": "signal", "number_of": 11},
    "SIGKILL": {"kind": "signal"},
    "hang": {"kind": "hang"},
    "lies about ready": {"kind": "signal"},  # and its successor says that it is ready, and is not
    "floods": {"kind": "flood-answers"},
}
"""What the engine does; the others happen to the GPU."""
HANGS: frozenset[Fault] = frozenset({"hang", "lies about ready"})
"""After which only a deadline that passes tells that the worker is of no use."""


class Cell(NamedTuple):
    """One of the matrix."""

    fault: Fault
    moment: Moment

    def __str__(self) -> str:
        return f"{self.fault}, {self.moment}"


CELLS = tuple(itertools.starmap(Cell, itertools.product(FAULTS, MOMENTS)))
