"""Makes a half-precision copy of a model's weights, once: later loads read half as much."""

from pathlib import Path
from typing import Literal

import msgspec

from swictation.asr.provider import EngineProvider, Progress
from swictation.errors import EngineError, ModelError
from swictation.models.fetch.staging import Helper, tree_bytes
from swictation.models.store import record
from swictation.models.store.checks import measure
from swictation.models.store.locking import exclusive_lock

Half = Literal["fp16", "bf16"]

_STALL_S = 600.0
"""Importing the libraries and reading 4 GB from a slow disk writes nothing."""
_LOOSE_BYTES = 64 << 20


class Converted(msgspec.Struct, frozen=True):
    """The result of a conversion."""

    before: Path
    after: Path
    before_bytes: int
    after_bytes: int


def convert(
    provider: EngineProvider, folder: Path, name: str, precision: Half, progress: Progress
) -> Converted:
    """Write the copy beside the weights, in its own process; it replaces an older copy.

    Args:
        provider: of the engine, which has a converter.
        folder: the model's.
        name: the model's, for the user.
        precision: of the copy.
        progress: called on this thread several times a second.

    Raises:
        ModelError: the folder holds no model, the disk is full, or the process failed.
        EngineError: the engine's libraries are not installed.
    """
    provider.check_folder(folder)
    if error := provider.unavailable():
        what = f"converting a model needs the libraries of the engine {provider.name}"
        raise EngineError(what, error.remedy)
    before = folder / provider.weights
    after = folder / half_name(provider.weights, precision)
    before_bytes = before.stat().st_size
    what = f"converting {name} to {precision}"
    lock = folder.with_name(f".{folder.name}.lock")
    log = folder.with_name(f".{folder.name}.log")
    try:
        with exclusive_lock(
            lock, lambda: progress(0, None, "waiting for another process")
        ) as lock_fd:
            end = Helper(
                (provider.converter, str(folder), precision),
                what,
                {"CUDA_VISIBLE_DEVICES": ""},
                total_bytes=before_bytes // 2,
                most_bytes=tree_bytes(folder) + before_bytes + _LOOSE_BYTES,
                stall_s=_STALL_S,
                base_bytes=tree_bytes(folder),
            ).run(folder, log, progress, lock_fd)
    except ModelError as error:
        raise ModelError(f"{what}: {error.message}") from error
    except OSError as error:
        raise ModelError(
            f"{what}: it cannot be written to {folder} ({error.strerror or error})",
            f"free {before_bytes / 2e6:.0f} MB there, and make the folder writable",
        ) from error
    finally:
        log.unlink(missing_ok=True)
    if end.returncode or not after.is_file():
        raise ModelError(f"{what}: {end.last_words}")
    record.add(folder, measure(after))
    return Converted(before, after, before_bytes, after.stat().st_size)


def half_name(weights: str, precision: Half) -> str:
    """The name of the copy, such as `model_weights.fp16.ckpt`."""
    stem, _, ending = weights.rpartition(".")
    return f"{stem}.{precision}.{ending}"
