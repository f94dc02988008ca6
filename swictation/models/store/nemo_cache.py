"""The user's own `.nemo`, taken apart once: `$XDG_CACHE_HOME/swictation/nemo/<key>/`."""

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
    """Whose engine's archive it is, by its name. Raises ModelError."""
    if found := unpacker(path.name):
        return found
    raise ModelError(f"no engine that is installed takes apart {path}", "swictation model list")


def copies_of(path: Path) -> list[Path]:
    """All that was ever unpacked of the archive, which may be gone; first what is half there."""
    stem = _stem(path)
    found = [*_home().glob(f".{stem}-*"), *_home().glob(f"{stem}-*")]
    return [it for it in found if it.is_dir()]


def lock_of(path: Path) -> Path:
    """What a process holds that unpacks the archive, or removes what was unpacked."""
    return _home() / f".{_stem(path)}.lock"


def is_unpacked(path: Path) -> bool:
    """Whether the archive, as it is now, lies unpacked and whole. Raises ModelError.

    Whole by presence and sizes: a cache is cleared by others, too, who may leave a part of it. And
    by the bytes, as far as they have been read since they changed.
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
        f"what was unpacked of the model {path} is damaged: {'; '.join(problems)}",
        f"swictation model remove {quoted} && swictation model download {quoted}",
    )


def absent(path: Path) -> ModelError:
    """The error for an archive that is not unpacked."""
    return ModelError(
        f"the model {path} is not unpacked yet",
        f"swictation model download {shlex.quote(str(path))}",
    )


def unpack_once(path: Path, progress: Progress) -> Path:
    """The folder of the archive's contents; they are unpacked unless they are there.

    Another process that unpacks the same is waited for. What an earlier state of the same file
    left is removed.

    Raises:
        ModelError: it is not the archive of a model, or the disk is full.
    """
    place = place_of(path)
    if is_unpacked(path):
        return place
    partial = place.with_name(f".{place.name}.partial")
    try:
        with exclusive_lock(
            lock_of(path), lambda: progress(0, None, f"waiting for another to unpack {path.name}")
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
    """Have every file of the folder on the disk before it gets its name."""
    for parent, _, names in os.walk(folder):
        for name in names:
            with open(os.path.join(parent, name), "rb") as stream:
                os.fsync(stream.fileno())


def _home() -> Path:
    return cache_dir() / "nemo"


def _stem(path: Path) -> str:
    """What the names of all copies of the archive begin with, whatever was in it then."""
    return _key(str(path.resolve()))


def _key(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]
