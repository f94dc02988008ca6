"""The GPU memory that a Canary takes, from its own configuration, or else from the table.

Computing it needs no weights, but has to import torch, which takes many seconds. Therefore another
process does it, once, and the answer is kept beside the model. As a program
(`python -m swictation.asr.engines.canary.memory.plans FOLDER BUFFER_S`) this module does that for a
daemon. The table is MiB of the real geometry (`tests.bench canary`).
"""

import contextlib
import hashlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

from swictation.asr.engine import EngineSpec
from swictation.asr.engines.canary.files import model_config
from swictation.asr.engines.canary.files.folder import CONFIG
from swictation.asr.engines.canary.settings import GPU_ORDER
from swictation.asr.memory_plan import MemoryPlan
from swictation.gpu.effects import MemoryForecast
from swictation.gpu.nvml import subprocess_query
from swictation.models.intake import door
from swictation.types import Tier

NAME = "plan.json"
_MODULE = "swictation.asr.engines.canary.memory.plan"
_LIMIT_S = 180.0
_MOST_BYTES = 1 << 16


class _Figures(msgspec.Struct, frozen=True):
    """The figures of one model."""

    weights_mib: Mapping[str, float]
    buffer_mib: float
    activation_mib: float


_FIGURES: dict[str, _Figures] = {
    "canary-180m-flash": _Figures({"fp16": 352, "bf16": 352, "int8": 197, "fp32": 703}, 6, 33),
    "canary-1b-flash": _Figures({"fp16": 1690, "bf16": 1690, "int8": 951, "fp32": 3379}, 6, 33),
    "canary-1b-v2": _Figures({"fp16": 1865, "bf16": 1865, "int8": 1063, "fp32": 3731}, 10, 33),
}
"""Weights by precision; the stream's buffers and one step's activations at a buffer of 5 s."""
_STEP_MIB_PER_S = 0.2
"""A step hears only its window, however long the utterance is; the sound is held twice."""


class _Kept(msgspec.Struct, frozen=True):
    config_sha256: str
    plans: dict[str, tuple[MemoryPlan, ...]]
    """By seconds of buffer, as text."""


def compute(folder: Path, buffer_s: float) -> None:
    """Compute the plans of the model in that folder and keep them there; on failure do nothing."""
    message = b""
    with contextlib.suppress(subprocess_query.QueryFailed):
        message = subprocess_query.ask(_MODULE, str(folder), str(buffer_s), limit_s=_LIMIT_S)
    with contextlib.suppress(msgspec.DecodeError, IndexError):
        # The last line: libraries may print before it.
        plans = msgspec.json.decode(message.splitlines()[-1], type=tuple[MemoryPlan, ...])
        _keep(folder, buffer_s, plans)


def known(folder: Path, buffer_s: float, name: str) -> tuple[MemoryPlan, ...]:
    """The plans known without computing: kept beside the model, or in the table; or ()."""
    return kept(folder, buffer_s) or table(name)


def table(name: str) -> tuple[MemoryPlan, ...]:
    """The ways to load a known model with a buffer of 5 s, the best first; () if it is unknown."""
    if (figures := _FIGURES.get(name)) is None:
        return ()
    return tuple(
        MemoryPlan(precision, mib, figures.buffer_mib, figures.activation_mib)
        for precision, mib in figures.weights_mib.items()
    )


def forecast(spec: EngineSpec) -> MemoryForecast | None:
    """The GPU memory that the model of `spec` will take; None if not known without computing."""
    buffer_s = float(spec.options["buffer_s"])
    plans = known(Path(spec.model_path), buffer_s, spec.model)
    return forecast_of(plans, str(spec.options["precision"]))


def forecast_of(plans: tuple[MemoryPlan, ...], precision: str) -> MemoryForecast | None:
    """The forecast for the ways in which the engine loads the model; None if one is unknown."""
    wanted = GPU_ORDER if precision == "auto" else (precision,)
    by_name = {plan.precision: plan for plan in plans}
    if not all(name in by_name for name in wanted):
        return None
    chosen = [by_name[name] for name in wanted]
    return MemoryForecast(
        tuple(Tier(plan.precision, plan.resident_mib) for plan in chosen),
        max(plan.activation_mib for plan in chosen),
        _STEP_MIB_PER_S,
    )


def kept(folder: Path, buffer_s: float) -> tuple[MemoryPlan, ...]:
    """The plans computed earlier for the same configuration; () if there are none."""
    record = _read(folder)
    return record.plans.get(_key(buffer_s), ()) if record else ()


def _read(folder: Path) -> _Kept | None:
    try:
        with (folder / NAME).open("rb") as file:
            record = msgspec.json.decode(file.read(_MOST_BYTES), type=_Kept)
        return record if record.config_sha256 == _config_sha256(folder) else None
    except (OSError, msgspec.DecodeError):
        return None


def _keep(folder: Path, buffer_s: float, plans: tuple[MemoryPlan, ...]) -> None:
    """Keep the plans beside the model. If that cannot be written, they are computed each time."""
    before = _read(folder)
    record = {**(before.plans if before else {}), _key(buffer_s): plans}
    with contextlib.suppress(OSError):
        kept = _Kept(_config_sha256(folder), record)
        door.replace(folder / NAME, msgspec.json.encode(kept))


def _config_sha256(folder: Path) -> str:
    with (folder / CONFIG).open("rb") as file:
        return hashlib.sha256(file.read(model_config.MOST_BYTES)).hexdigest()


def _key(buffer_s: float) -> str:
    return f"{buffer_s:g}"


if __name__ == "__main__":
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    compute(Path(sys.argv[1]), float(sys.argv[2]))
