"""How large a model is: on the disk, in the host's memory while it is loaded and after, by plan.

As a program (`python -m tests.bench.canary.sizes FOLDER PRECISION`) it loads one on the processor.
"""

import sys
from pathlib import Path
from typing import Any

from tests.bench.canary import models
from tests.bench.canary.apart import ask, status_mib, tell
from tests.bench.context import Context

_PRECISIONS = ("fp32", "fp16", "int8")
_BUFFERS_S = (5.0, 10.0)
_MIB = 2**20
_PLAN = "swictation.asr.engines.canary.memory.plan"


def run(_context: Context) -> dict[str, Any]:
    found = {}
    for name in models.NAMES:
        with models.real(name) as folder:
            found[name] = _of(folder)
    return found


def _of(folder: Path) -> dict[str, Any]:
    whole = folder / "model_weights.ckpt"
    copy = folder / "model_weights.fp16.ckpt"
    loads = {it: ask(__name__, folder, it) for it in _PRECISIONS}
    hidden = copy.rename(copy.with_suffix(".hidden"))
    try:
        loads["fp16, unconverted"] = ask(__name__, folder, "fp16")
    finally:
        hidden.rename(copy)
    plans = {f"{buffer_s:g}": ask(_PLAN, folder, buffer_s) for buffer_s in _BUFFERS_S}
    return {
        "parameters_m": loads["fp32"]["parameters_m"],
        "disk_mib": {"fp32": _mib(whole), "fp16": _mib(copy)},
        "host": loads,
        "plan": {
            precision: _plan(plans, precision) for precision in ("fp16", "bf16", "int8", "fp32")
        },
    }


def _mib(path: Path) -> float:
    return round(path.stat().st_size / _MIB, 1)


def _plan(plans: dict[str, Any], precision: str) -> dict[str, Any]:
    by_buffer = {
        buffer_s: next(plan for plan in told if plan["precision"] == precision)
        for buffer_s, told in plans.items()
    }
    return {
        "weights_mib": by_buffer["5"]["weights_mib"],
        "buffer_mib": {buffer_s: plan["buffer_mib"] for buffer_s, plan in by_buffer.items()},
        "step_mib": {buffer_s: plan["activation_mib"] for buffer_s, plan in by_buffer.items()},
    }


def _main(folder: str, precision: str) -> None:
    """Above what the libraries take, which is told apart."""
    from swictation.asr.engines.canary import engine
    from swictation.asr.engines.canary.loading import load_model

    assert engine
    before = status_mib("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")
    model = load_model(Path(folder), precision, "cpu")
    parameters = sum(parameter.numel() for parameter in model.parameters())
    tell(
        {
            "peak_mib": round(status_mib("VmHWM") - before, 1),
            "after_mib": round(status_mib("VmRSS") - before, 1),
            "anonymous_after_mib": round(status_mib("RssAnon"), 1),
            "libraries_mib": round(before, 1),
            "parameters_m": round(parameters / 1e6, 1),
        }
    )


if __name__ == "__main__":
    _main(*sys.argv[1:])
