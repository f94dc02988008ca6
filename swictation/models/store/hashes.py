"""Remembers the hashes of files, so that a start does not read gigabytes again.

A file counts as unchanged while its size, its inode and both of its times are the same. The kernel
sets the inode's change time (ctime) at every write, even if a program resets the other. A copy, a
restored backup or a move to another disk changes them, too: then the file is read once more. The
hashes are kept beside the model's folder; if they are missing or cannot be written, files are read
each time.
"""

import contextlib
import time
from collections.abc import Iterable
from pathlib import Path

import msgspec

from swictation.asr.model_spec import ModelFile
from swictation.models.intake.door import replace

_TICK_NS = 50_000_000
"""Two writes within one tick of the kernel's clock leave the same time, so a file that young is
not remembered."""
_MOST_BYTES = 1 << 20


class _Seen(msgspec.Struct, frozen=True):
    size_bytes: int
    inode: int
    device: int
    mtime_ns: int
    ctime_ns: int
    sha256: str


def known(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """The hashes, by name, of the files that are unchanged since they were last read."""
    record = _read(folder)
    return {
        name: seen.sha256
        for name in names
        if (seen := record.get(name)) and seen == _look(folder / name, seen.sha256)
    }


def now_ns() -> int:
    """The time by the clock of the files' times."""
    return time.clock_gettime_ns(time.CLOCK_REALTIME)


def remember(folder: Path, files: Iterable[ModelFile], at_ns: int) -> None:
    """Remember that these files had these hashes at `at_ns` or later, if unchanged since then.

    If that cannot be written, nothing happens. The hashes of other files stay.
    """
    fresh = {file.name: _look(folder / file.name, file.sha256) for file in files}
    kept = _read(folder)
    for name, seen in fresh.items():
        kept.pop(name, None)
        if seen and at_ns - seen.ctime_ns > _TICK_NS:
            kept[name] = seen
    with contextlib.suppress(OSError):
        replace(_path(folder), msgspec.json.encode(kept))


def forget(folder: Path) -> None:
    """Remove the hashes, because the folder is removed."""
    with contextlib.suppress(OSError):
        _path(folder).unlink(missing_ok=True)


def _look(path: Path, sha256: str) -> _Seen | None:
    try:
        status = path.stat()
    except OSError:
        return None
    times = (status.st_mtime_ns, status.st_ctime_ns)
    return _Seen(status.st_size, status.st_ino, status.st_dev, *times, sha256)


def _read(folder: Path) -> dict[str, _Seen]:
    try:
        with _path(folder).open("rb") as file:
            return msgspec.json.decode(file.read(_MOST_BYTES), type=dict[str, _Seen])
    except (OSError, msgspec.DecodeError):
        return {}


def _path(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.hashes")
