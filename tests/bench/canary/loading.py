"""How long it takes until a model is there, against NeMo's own way, in turns.

As a program (`python -m tests.bench.canary.loading WAY FOLDER PRECISION`) it loads one; the ways:
`model` (ours), `engine` (ours with all that comes before the first request), `nemo` (restore_from).
"""

import statistics
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.bench.canary import models
from tests.bench.canary.apart import ask, tell, timed
from tests.bench.context import Context
from tests.canary.tiny import store

_REAL = ("180m-flash", "1b-flash")
_TURNS = 3
_WAYS = {
    "nemo": ("nemo", "fp32"),
    "model, fp32": ("model", "fp32"),
    "model, fp16 copy": ("model", "fp16"),
    "engine, fp32": ("engine", "fp32"),
}


def run(_context: Context) -> dict[str, Any]:
    found = {"tiny": _of(store.unpacked("six"))}
    for name in _REAL:
        with models.real(name) as folder:
            found[name] = _of(folder)
    return found


def _of(folder: Path) -> dict[str, Any]:
    models.warm(folder)
    turns = [
        {name: ask(__name__, way, folder, precision) for name, (way, precision) in _WAYS.items()}
        for _ in range(_TURNS)
    ]
    return {name: _median([turn[name] for turn in turns]) for name in _WAYS} | {
        "ratio": _ratios(turns)
    }


def _median(costs: list[dict[str, float]]) -> dict[str, float]:
    return {key: round(statistics.median(cost[key] for cost in costs), 2) for key in costs[0]}


def _ratios(turns: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """To NeMo's own way in the same turn; the median."""
    found: dict[str, dict[str, float]] = {}
    for name in list(_WAYS)[1:]:
        found[name] = {
            kind: round(
                statistics.median(
                    _total(turn[name], kind) / _total(turn["nemo"], kind) for turn in turns
                ),
                2,
            )
            for kind in ("load_cpu_s", "load_wall_s", "cpu_s", "wall_s")
        }
    return found


def _total(cost: dict[str, float], kind: str) -> float:
    """`cpu_s` and `wall_s` count the import too."""
    return cost[kind] if kind.startswith("load") else cost[f"import_{kind}"] + cost[f"load_{kind}"]


def _main(way: str, folder: str, precision: str) -> None:
    load, importing = timed(lambda: _ready(way))
    _, loading = timed(lambda: load(Path(folder), precision))
    tell(
        {f"import_{key}": value for key, value in importing.items()}
        | {f"load_{key}": value for key, value in loading.items()}
    )


def _ready(way: str) -> Any:
    """Imports all that is needed; the way itself."""
    match way:
        case "nemo":
            return _nemos_own()
        case "model":
            loading = import_module("swictation.asr.engines.canary.loading")
            return lambda folder, precision: loading.load_model(folder, precision, "cpu")
        case _:
            return _whole_engine()


def _whole_engine() -> Any:
    engine = import_module("swictation.asr.engines.canary.engine")
    spec = import_module("swictation.asr.engine").EngineSpec

    def load(folder: Path, precision: str) -> Any:
        return engine.load_engine(spec("canary", "", str(folder), "en", {"precision": precision}))

    return load


def _nemos_own() -> Any:
    """From the folder, as ours: nothing is unpacked."""
    asr_models = import_module("nemo.collections.asr.models")
    connector = import_module("nemo.core.connectors.save_restore_connector").SaveRestoreConnector()

    def load(folder: Path, _precision: str) -> Any:
        connector.model_extracted_dir = str(folder)
        return asr_models.ASRModel.restore_from(
            str(folder), save_restore_connector=connector, map_location="cpu"
        )

    return load


if __name__ == "__main__":
    _main(*sys.argv[1:])
