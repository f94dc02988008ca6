"""A model's folder: the contents of a .nemo, and half-precision copies of its weights."""

from pathlib import Path

from swictation.errors import EngineError

CONFIG = "model_config.yaml"
WEIGHTS = "model_weights.ckpt"

OWN_FOLDER = "put the contents of a Canary's .nemo there, or set [asr] model to the .nemo itself"
_DOWNLOAD = "swictation model list"


def weights_file(folder: Path, precision: str) -> Path:
    """Where weights of a precision belong, present or not; fp32: as they came."""
    return folder / (WEIGHTS if precision == "fp32" else f"model_weights.{precision}.ckpt")


def best_weights(folder: Path, precision: str) -> Path:
    """The smallest file from which a model of that precision can be loaded unchanged.

    A copy that is older than the weights was made from other weights.

    Raises:
        EngineError: there is no such file.
    """
    copy = weights_file(folder, "fp16" if precision == "int8" else precision)
    source = weights_file(folder, "fp32")
    if copy.is_file() and not (
        source.is_file() and copy.stat().st_mtime_ns < source.stat().st_mtime_ns
    ):
        return copy
    if source.is_file():
        return source
    raise EngineError(f"The model folder {folder} lacks {WEIGHTS}.", _DOWNLOAD)


def copies(folder: Path) -> list[str]:
    """The names of all copies there, whatever made them, because the engine would load them."""
    return sorted(path.name for path in folder.glob("model_weights.*.ckpt"))


def need_config(folder: Path) -> Path:
    """The path of the model's configuration. Raises EngineError if it is missing."""
    path = folder / CONFIG
    if not path.is_file():
        raise EngineError(
            f"The folder {folder} holds no Canary: {CONFIG} is missing.",
            "set [asr] model to a name from: swictation model list",
        )
    return path
