"""What a Canary takes of a card, from its own configuration, or else from the table.

The engine can tell it without reading the weights, but has to import torch for it, which costs many
seconds: so a process of its own is asked, once, and the answer kept beside the model. As a
program (`python -m swictation.models.plans FOLDER BUFFER_S NAME`) this does that, for a daemon.
"""

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Literal

import msgspec

from swictation.asr import canary_config
from swictation.asr.memory_plan import MemoryPlan
from swictation.models import extras, figures, nemo
from swictation.models.catalog import named
from swictation.models.spec import ModelSpec
from swictation.vram import apart

NAME = "plan.json"
_MODULE = "swictation.asr.engines.canary.plan"
_LIMIT_S = 180.0
_MOST_BYTES = 1 << 16

Source = Literal["kept", "computed", "table", "none"]
"""Kept from an earlier time, computed now, from the table of known models, or not known at all."""


class Planned(msgspec.Struct, frozen=True):
    """What a model takes, and how that is known."""

    plans: tuple[MemoryPlan, ...]
    source: Source
    reason: str = ""
    """Why it was not computed; "" where it was."""


class _Kept(msgspec.Struct, frozen=True):
    config_sha256: str
    plans: dict[str, tuple[MemoryPlan, ...]]
    """By seconds of buffer."""


def plan_of(folder: Path, buffer_s: float, name: str) -> tuple[MemoryPlan, ...]:
    """The ways to load the model in that folder, the best first; () where nothing is known."""
    return planned(folder, buffer_s, name).plans


def planned(folder: Path, buffer_s: float, name: str) -> Planned:
    """The same, with where it is known from. Blocks for seconds the first time.

    Args:
        folder: holds what the archive of a Canary holds.
        buffer_s: seconds of sound in the window.
        name: of the model; a known one has a row in the table.
    """
    if plans := kept(folder, buffer_s):
        return Planned(plans, "kept")
    told = _compute(folder, buffer_s)
    if isinstance(told, tuple):
        _keep(folder, buffer_s, told)
        return Planned(told, "computed")
    spec = named(name)
    if spec is None:
        return Planned((), "none", told)
    return Planned(figures.table(spec), "table", told)


def known(spec: ModelSpec, folder: Path, buffer_s: float) -> tuple[MemoryPlan, ...]:
    """What is known without asking anybody: kept beside the model, or in the table."""
    return kept(folder, buffer_s) or figures.table(spec)


def best_known(folder: Path, buffer_s: float, name: str) -> tuple[MemoryPlan, ...]:
    """The same by a model's name, which may be anybody's; () where nothing is known."""
    spec = named(name)
    return kept(folder, buffer_s) or (figures.table(spec) if spec else ())


def kept(folder: Path, buffer_s: float) -> tuple[MemoryPlan, ...]:
    """What was computed before for this very configuration; () where it was not."""
    told = _read(folder)
    return told.plans.get(_key(buffer_s), ()) if told else ()


def _compute(folder: Path, buffer_s: float) -> tuple[MemoryPlan, ...] | str:
    """The plans, or why there are none."""
    if not extras.has_canary():
        return f"the engine is not installed: {extras.install_command('canary')}"
    try:
        done = subprocess.run(
            apart.command(_MODULE, str(folder), str(buffer_s)),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_LIMIT_S,
            check=False,
            env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
        )
    except subprocess.TimeoutExpired:
        return f"the engine did not tell within {_LIMIT_S:.0f} s"
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"the engine ended with {done.returncode}"
    try:
        # The last line: libraries may print before it.
        return msgspec.json.decode(
            done.stdout.strip().splitlines()[-1], type=tuple[MemoryPlan, ...]
        )
    except (msgspec.DecodeError, IndexError):
        return "the engine told nothing that can be read"


def _read(folder: Path) -> _Kept | None:
    try:
        with (folder / NAME).open("rb") as file:
            told = msgspec.json.decode(file.read(_MOST_BYTES), type=_Kept)
        return told if told.config_sha256 == _config_sha256(folder) else None
    except (OSError, msgspec.DecodeError):
        return None


def _keep(folder: Path, buffer_s: float, plans: tuple[MemoryPlan, ...]) -> None:
    """Beside the model; where that cannot be written, it is computed anew each time."""
    before = _read(folder)
    told = {**(before.plans if before else {}), _key(buffer_s): plans}
    fresh = folder / f".{NAME}.{os.getpid()}"
    try:
        with fresh.open("xb") as file:  # never through a link that the folder came with
            file.write(msgspec.json.encode(_Kept(_config_sha256(folder), told)))
        fresh.rename(folder / NAME)
    except OSError:
        fresh.unlink(missing_ok=True)


def _config_sha256(folder: Path) -> str:
    with (folder / nemo.CONFIG).open("rb") as file:
        return hashlib.sha256(file.read(canary_config.MOST_BYTES)).hexdigest()


def _key(buffer_s: float) -> str:
    return f"{buffer_s:g}"


if __name__ == "__main__":
    planned(Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3])
