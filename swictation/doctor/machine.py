"""Python and memory."""

import re
import sys
from collections.abc import Iterator
from importlib.metadata import metadata

import psutil

from swictation.asr.registry import find
from swictation.doctor.finding import Finding, Subject
from swictation.doctor.model import wanted
from swictation.remedies import SPARE_MEMORY
from swictation.types import MIB

_ENGINE_MIB = 200
_WEIGHTS_FACTOR = 2.0
"""A worker of tiny.en (75 MB of weights) peaks at 350 MB, one of base (145 MB) at 490."""


def python(_: Subject) -> Iterator[Finding]:
    """Check that the package supports this Python."""
    yield judge_python(sys.version_info[:3], metadata("swictation")["Requires-Python"])


def memory(subject: Subject) -> Iterator[Finding]:
    """Check that the worker fits into memory beside what is already running."""
    yield judge_memory(psutil.virtual_memory().available // MIB, _weights_bytes(subject))


def judge_python(version: tuple[int, int, int], required: str) -> Finding:
    """Compare a version with a specifier such as ">=3.11,<3.14"."""
    found = ".".join(map(str, version))
    first, end = (
        (int(major), int(minor)) for major, minor in sorted(re.findall(r"(\d+)\.(\d+)", required))
    )
    if first <= version[:2] < end:
        return Finding("python", "ok", found)
    known = f"{first[0]}.{first[1]}"
    level = "error" if version[:2] < first else "warning"
    remedy = f"make clean && make run PYTHON=python{known}"
    return Finding("python", level, f"{found}: swictation is made for {required}", remedy)


def judge_memory(available_mib: int, weights: int) -> Finding:
    """Compare the available memory with what a worker with `weights` bytes of weights takes."""
    needed = needed_mib(weights)
    found = f"{available_mib} MiB available, the engine takes about {needed}"
    if available_mib >= needed:
        return Finding("memory", "ok", found)
    return Finding("memory", "warning", found, SPARE_MEMORY)


def needed_mib(weights: int) -> int:
    """About how much memory a worker with `weights` bytes of weights takes."""
    return round(_ENGINE_MIB + _WEIGHTS_FACTOR * weights / 1e6)


def _weights_bytes(subject: Subject) -> int:
    """The size of the weights: of the model that was found, else of the one to be downloaded."""
    provider = find(subject.settings.asr.engine)
    folder = subject.model.path if subject.model else None
    return provider.weights_bytes(wanted(subject.settings), folder) if provider else 0
