"""The product as its users start it: real processes, watched from outside."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import psutil

from swictation.hardening import INSPECT

_MIB = 2**20
FORBIDDEN_LIBRARIES = ("torch", "onnxruntime", "ctranslate2")


class Memory(msgspec.Struct, frozen=True):
    """MiB of one process."""

    rss: float
    pss: float
    private: float


@contextmanager
def start(arguments: Sequence[str], core: int | None = None) -> Iterator[subprocess.Popen[str]]:
    """`swictation ARGUMENTS` with its state in a folder of its own, pinned to `core` if asked."""
    with TemporaryDirectory() as state:
        child = subprocess.Popen(
            [sys.executable, "-m", "swictation", *arguments],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "XDG_STATE_HOME": state, INSPECT: "1"},
        )
        if core is not None:
            os.sched_setaffinity(child.pid, {core})  # its worker, started later, inherits it
        try:
            yield child
        finally:
            child.kill()
            child.wait()


def transcribe(model: str, files: Sequence[Path]) -> list[str]:
    """The text of each file by `swictation transcribe --json`."""
    with start(["transcribe", "--json", "--model", model, *map(str, files)]) as child:
        assert child.stdout is not None
        return [msgspec.json.decode(line)["text"] for line in child.stdout]


def memory(pid: int | None) -> Memory | None:
    """What a process takes now; None when there is none."""
    try:
        found = psutil.Process(pid).memory_full_info() if pid else None
    except psutil.Error:
        return None
    if found is None:
        return None
    return Memory(found.rss / _MIB, found.pss / _MIB, found.uss / _MIB)


def cpu_s(pid: int) -> float:
    """CPU time that a process has used, without its children's."""
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.Error:
        return 0.0
    return times.user + times.system


def worker_of(pid: int) -> int | None:
    """The daemon's worker, while it has one."""
    try:
        children = psutil.Process(pid).children()
    except psutil.Error:
        return None
    return children[0].pid if children else None


def forbidden_libraries(pid: int) -> list[str]:
    """Which of the engines' libraries a process has mapped."""
    mapped = Path(f"/proc/{pid}/maps").read_text()
    return [name for name in FORBIDDEN_LIBRARIES if name in mapped]
