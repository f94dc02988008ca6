"""The user's own `.nemo`, unpacked once: `$XDG_CACHE_HOME/swictation/nemo/<key>/`."""

import hashlib
import os
import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path

from swictation.asr.provider import EngineProvider, Progress
from swictation.asr.registry import unpacker
from swictation.errors import ModelError
from swictation.models.intake.door import disk_error
from swictation.models.store import hashes, record
from swictation.models.store.checks import check_files, check_quickly, is_read, strange_files
from swictation.models.store.locking import exclusive_lock
from swictation.paths import cache_dir

_DIGITS = 16


def place_of(path: Path) -> Path:
    """Where the archive's contents belong: by its real path, size and time. Raises ModelError."""
    real = path.resolve()
    try:
        status = real.stat()
    except OSError as error:
        raise ModelError(
            f"the model {path} cannot be read: {error.strerror}",
            'correct [asr] model, or set it to "auto"',
        ) from error
    return _home() / f"{_stem(path)}-{_key(f'{status.st_size} {status.st_mtime_ns}')}"


def unpacker_of(path: Path) -> EngineProvider:
    """The provider whose engine unpacks the archive, by its name. Raises ModelError."""
    if found := unpacker(path.name):
        return found
    raise ModelError(f"no installed engine can unpack {path}", "swictation model list")


def copies_of(path: Path) -> list[Path]:
    """All folders ever unpacked from the archive, which may be gone; incomplete ones first."""
    stem = _stem(path)
    found = [*_home().glob(f".{stem}-*"), *_home().glob(f"{stem}-*")]
    return [it for it in found if it.is_dir()]


def lock_of(path: Path) -> Path:
    """The lock that a process holds while it unpacks the archive, or removes the contents."""
    return _home() / f".{_stem(path)}.lock"


def is_unpacked(path: Path) -> bool:
    """Whether the archive in its present state is unpacked and complete. Raises ModelError.

    Complete by presence and sizes, because other programs clear caches, perhaps in part. And by
    the hashes, for files that have been read since they changed.
    """
    place = place_of(path)
    noted = record.read(place)
    if noted is None or check_quickly(place, noted.files):
        return False
    return not strange_files(unpacker_of(path), place, noted.files)


def is_unread(path: Path) -> bool:
    """Whether an unpacked file may have changed since it was last read. Raises ModelError."""
    place = place_of(path)
    noted = record.read(place)
    return noted is not None and not is_read(place, noted.files)


def verify(path: Path, *, trust_seen: bool = False) -> list[str]:
    """What has changed since the archive was unpacked, by size and sha256; one line a file.

    Args:
        path: the archive.
        trust_seen: a file that has not changed since it was last read is not read again.

    Raises:
        ModelError: it is not unpacked.
    """
    place = place_of(path)
    noted = record.read(place)
    if noted is None:
        raise absent(path)
    problems = check_files(place, noted.files, trust_seen=trust_seen)
    return [*problems, *strange_files(unpacker_of(path), place, noted.files)]


def damaged(path: Path, problems: Sequence[str]) -> ModelError:
    """The error for an archive whose unpacked copy has changed."""
    quoted = shlex.quote(str(path))
    return ModelError(
        f"the unpacked copy of the model {path} is damaged: {'; '.join(problems)}",
        f"swictation model remove {quoted} && swictation model download {quoted}",
    )


def absent(path: Path) -> ModelError:
    """The error for an archive that is not unpacked."""
    return ModelError(
        f"the model {path} is not unpacked yet",
        f"swictation model download {shlex.quote(str(path))}",
    )


def unpack_once(path: Path, progress: Progress) -> Path:
    """Unpack the archive unless that has been done; returns the folder of its contents.

    If another process unpacks the same archive, it waits for that. Contents of an earlier state of
    the file are removed.

    Raises:
        ModelError: it is not the archive of a model, or the disk is full.
    """
    place = place_of(path)
    if is_unpacked(path):
        return place
    partial = place.with_name(f".{place.name}.partial")
    try:
        with exclusive_lock(
            lock_of(path), lambda: progress(0, None, f"another process unpacks {path.name}")
        ):
            if not is_unpacked(path):
                _unpack(path, partial, place, progress)
    except OSError as error:
        raise disk_error(str(path), place.parent, "XDG_CACHE_HOME", error) from error
    return place


def _unpack(path: Path, partial: Path, place: Path, progress: Progress) -> None:
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        files = unpacker_of(path).unpack(path, partial, progress)
        record.write(partial, record.Record(str(path.resolve()), "", (), files))
        sync(partial)
        for old in _home().glob(f"{_stem(path)}-*"):
            shutil.rmtree(old, ignore_errors=True)
            hashes.forget(old)
        partial.rename(place)
        hashes.remember(place, files, hashes.now_ns())
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def sync(folder: Path) -> None:
    """Flush every file of the folder to the disk, before the folder gets its name."""
    for parent, _, names in os.walk(folder):
        for name in names:
            with open(os.path.join(parent, name), "rb") as stream:
                os.fsync(stream.fileno())


def _home() -> Path:
    return cache_dir() / "nemo"


def _stem(path: Path) -> str:
    """The beginning of the names of all copies of the archive, whatever it contained."""
    return _key(str(path.resolve()))


def _key(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]
