"""Sound that a process left in the spool because it died, or because an engine died on it."""

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path
from shlex import quote

import msgspec

from swictation.doctor.finding import Finding, Subject
from swictation.paths import spool_dir
from swictation.types import SAMPLE_RATE_HZ

_WAV_HEADER_BYTES = 44
_LOCK = "lock"


class Leftover(msgspec.Struct, frozen=True):
    """A spool folder of a dead process with sound in it."""

    path: Path
    utterances: int
    seconds: float


def leftovers(_: Subject) -> Iterator[Finding]:
    """Name each folder of a dead process that still holds sound."""
    left = find(spool_dir())
    for folder in left:
        length = f"{folder.seconds / 60:.1f} min" if folder.seconds >= 60 else None
        length = length or f"{folder.seconds:.1f} s"
        count = f"{folder.utterances} utterance{'s' if folder.utterances != 1 else ''}"
        found = f"{length} of sound ({count}) without its text in {folder.path}"
        place = quote(str(folder.path))
        remedy = f"swictation transcribe {place}/*.wav && rm -r {place}"
        yield Finding("spool", "warning", found, remedy)
    if not left:
        yield Finding("spool", "ok", "no sound is left over")


def find(root: Path) -> list[Leftover]:
    """The folders of dead processes that hold sound, by name."""
    try:
        folders = sorted(path for path in root.iterdir() if path.is_dir())
    except OSError:
        return []
    found = (_measured(folder) for folder in folders if not _is_locked(folder))
    return [leftover for leftover in found if leftover.utterances]


def _is_locked(folder: Path) -> bool:
    """Whether a living process holds the folder; a folder without a lock has no owner."""
    try:
        with (folder / _LOCK).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _measured(folder: Path) -> Leftover:
    """By size: the header of a sound whose writer died does not know its length."""
    sizes: list[int] = []
    with contextlib.suppress(OSError):
        for sound in folder.glob("*.wav"):
            with contextlib.suppress(OSError):
                sizes.append(sound.stat().st_size)
    seconds = sum(max(0, size - _WAV_HEADER_BYTES) for size in sizes) / (2 * SAMPLE_RATE_HZ)
    return Leftover(folder, len(sizes), seconds)
