"""Sound that a process left in the spool because it died, or because an engine died on it.

Of a living process, only what it has quarantined: the rest becomes text.
"""

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from shlex import quote

import msgspec

from swictation.audio.spoolnames import HEADER_BYTES, LOCK
from swictation.control.status import count
from swictation.doctor.finding import Finding, Subject
from swictation.filelock import try_lock
from swictation.paths import spool_dir
from swictation.types import SAMPLE_RATE_HZ


class Unusable(msgspec.Struct, frozen=True):
    """Something in a spool folder that cannot be transcribed as it is."""

    path: Path
    why: str
    remedy: str


class Leftover(msgspec.Struct, frozen=True):
    """A spool folder of a dead process with sound in it."""

    path: Path
    utterances: int
    seconds: float
    sounds: tuple[Path, ...] = ()
    """The sounds of these utterances; () if the folder has nothing else."""
    unusable: tuple[Unusable, ...] = ()


def orphaned_audio(_: Subject) -> Iterator[Finding]:
    """Report each folder of a dead process that still has sound, and other files in it."""
    left = find(spool_dir())
    for folder in left:
        if folder.utterances:
            yield _left_over(folder)
        for one in folder.unusable:
            yield Finding("spool", "warning", f"{one.path} {one.why}", one.remedy)
    aside = quarantined(spool_dir())
    for sound in aside:
        found = (
            f"{sound.seconds:.1f} s of sound on which the engine died, set aside in {sound.path}"
        )
        by_hand = f"swictation transcribe {quote(str(sound.path))}"
        remedy = "swictation retry" if sound.is_tried_again else by_hand
        yield Finding("spool", "warning", found, remedy)
    if not left and not aside:
        yield Finding("spool", "ok", "no sound is left over")


def find(root: Path) -> list[Leftover]:
    """The folders of dead processes that have sound, by name."""
    try:
        folders = sorted(path for path in root.iterdir() if path.is_dir() and not path.is_symlink())
    except OSError:
        return []
    found = (_measured(folder) for folder in folders if not _is_locked(folder))
    return [leftover for leftover in found if leftover.utterances or leftover.unusable]


def _left_over(folder: Leftover) -> Finding:
    seconds = folder.seconds
    length = f"{seconds / 60:.1f} min" if seconds >= 60 else f"{seconds:.1f} s"
    utterances = count(folder.utterances, "utterance")
    found = f"{length} of sound ({utterances}) without its text in {folder.path}"
    place = quote(str(folder.path))
    sounds, done = f"{place}/*.wav", f"rm -r {place}"
    if folder.sounds:
        sounds = " ".join(quote(str(path)) for path in folder.sounds)
        lines = " ".join(quote(str(path.with_suffix(".jsonl"))) for path in folder.sounds)
        done = f"rm -f {sounds} {lines}"
    return Finding("spool", "warning", found, f"swictation transcribe {sounds} && {done}")


class Quarantined(msgspec.Struct, frozen=True):
    """A sound that a living process keeps because its engine died on it twice."""

    path: Path
    seconds: float
    is_tried_again: bool
    """Whether that process can be asked to retry: it is the daemon."""


def quarantined(root: Path) -> list[Quarantined]:
    """What living processes have quarantined and not transcribed since, by name."""
    try:
        notes = sorted(note for note in root.glob("*/*.jsonl") if _is_locked(note.parent))
    except OSError:
        return []
    return [aside for note in notes if (aside := _quarantined(note))]


def _quarantined(note: Path) -> Quarantined | None:
    sound, last = note.with_suffix(".wav"), _Line()
    try:
        for row in note.read_bytes().splitlines():
            with contextlib.suppress(msgspec.DecodeError, UnicodeError):  # it is being written
                line = msgspec.json.decode(row, type=_Line)
                last = line if line.quarantined or line.offered is not None else last
        size = sound.stat().st_size
    except OSError:
        return None
    if last.quarantined is None:
        return None
    seconds = max(0, size - HEADER_BYTES) / (2 * SAMPLE_RATE_HZ)
    return Quarantined(sound, seconds, last.quarantined.is_tried_again)


class _Note(msgspec.Struct, frozen=True):
    is_tried_again: bool = False


class _Line(msgspec.Struct, frozen=True, rename={"quarantined": "set-aside"}):
    """The two of a spool's notes that say whether a sound is quarantined; the last one counts."""

    quarantined: _Note | None = None
    offered: dict[str, object] | None = None


def _is_locked(folder: Path) -> bool:
    """Whether a living process holds the folder; a folder without a lock has no owner."""
    try:
        with (folder / LOCK).open("rb") as lock:
            return not try_lock(lock, is_shared=True)
    except OSError:
        return False


def _measured(folder: Path) -> Leftover:
    """Measure by file size: if the writer died, the header does not have the length."""
    sounds: list[Path] = []
    unusable: list[Unusable] = []
    sizes: list[int] = []
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix == ".wav")
    except OSError:
        return Leftover(folder, 0, 0.0, unusable=(_foreign(folder),))
    for path in paths:
        try:
            status = path.lstat()
        except OSError:
            continue  # it is gone
        if found := _unusable(path, status):
            unusable.append(found)
        else:
            sounds.append(path)
            sizes.append(status.st_size - HEADER_BYTES)
    seconds = sum(sizes) / (2 * SAMPLE_RATE_HZ)
    named = tuple(sounds) if unusable else ()
    return Leftover(folder, len(sounds), seconds, named, tuple(unusable))


def _unusable(path: Path, status: os.stat_result) -> Unusable | None:
    """Why `path` cannot be transcribed, and what to do; None if it can."""
    place = quote(str(path))
    if stat.S_ISDIR(status.st_mode):
        return Unusable(path, "is a folder where a sound should be", f"ls -lA {place}")
    if not stat.S_ISREG(status.st_mode):
        kind = "a link" if stat.S_ISLNK(status.st_mode) else "no file"
        return Unusable(path, f"is {kind} where a sound should be: not followed", f"rm {place}")
    if status.st_size <= HEADER_BYTES:
        return Unusable(path, "holds no sound", f"rm {place}")
    try:
        path.open("rb").close()
    except OSError:
        return _foreign(path)
    return None


def _foreign(path: Path) -> Unusable:
    remedy = f'sudo chown -R "$(id -u)" {quote(str(path))} && swictation doctor --quick'
    return Unusable(path, "cannot be read by your user", remedy)
