"""What the spool keeps on disk: a locked folder a process, two files an utterance.

`N.wav` holds the sound (playable, and `swictation transcribe` takes it); `N.jsonl` holds a line
`intent {n, text}` before and `done {n, outcome}` after each injection, in the order of writing;
after the outcome "unproven" another `done` of that n, once it is decided what became of the text.
"""

import contextlib
import fcntl
import itertools
import os
import struct
import wave
from pathlib import Path
from typing import BinaryIO

import msgspec

from swictation.types import SAMPLE_RATE_HZ, Samples

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_LOCK = "lock"
_HEADER_BYTES = 44
_SAMPLE_BYTES = 2
_UNFINISHED_SAMPLES = 2**30
"""The length in the header until the end is known: readers take what is there."""


class SpoolFolder:
    """`ROOT/<boot id>-<pid>`, locked while its process lives, removed when it holds nothing.

    Process ids return, in a container at every start: where such a folder still holds sound,
    or is in use, the next one gets `.1`, `.2` ... behind its name.
    """

    def __init__(self, root: Path) -> None:
        """Make and lock the folder.

        Raises:
            OSError: it cannot be made.
        """
        boot_id = _BOOT_ID.read_text().strip() if _BOOT_ID.exists() else "unknown-boot"
        name = f"{boot_id}-{os.getpid()}"
        suffixes = itertools.chain([""], (f".{number}" for number in itertools.count(1)))
        taken = (_take(root / f"{name}{suffix}") for suffix in suffixes)
        self.path, self._lock = next(one for one in taken if one)

    def close(self) -> None:
        """Unlock; the folder stays only if it still holds sound."""
        with self._lock, contextlib.suppress(OSError):
            if _is_empty(self.path):
                (self.path / _LOCK).unlink(missing_ok=True)
                self.path.rmdir()


class SpoolFile:
    """One utterance on disk. Used on the spool thread only; every call may raise OSError."""

    def __init__(self, folder: Path, name: str) -> None:
        self.sound = folder / f"{name}.wav"
        self.lines = folder / f"{name}.jsonl"
        self._wave: wave.Wave_write | None = None
        self._file: BinaryIO | None = None

    def write(self, samples: Samples) -> None:
        """Append int16 samples."""
        if self._wave is None:
            self._file = _create(self.sound)
            self._wave = wave.open(self._file, "wb")  # noqa: SIM115 - open until finish()
            self._wave.setnchannels(1)
            self._wave.setsampwidth(2)
            self._wave.setframerate(SAMPLE_RATE_HZ)
            self._wave.setnframes(_UNFINISHED_SAMPLES)
        self._wave.writeframesraw(samples.tobytes())
        if self._file:
            self._file.flush()

    def write_line(self, record: dict[str, object]) -> None:
        """Append one record as a line of JSON."""
        with os.fdopen(_open(self.lines, os.O_APPEND), "ab") as file:
            file.write(msgspec.json.encode(record) + b"\n")

    def finish(self, samples: int | None = None) -> None:
        """The sound is complete, with no more than `samples`: mend the header and close."""
        sound, self._wave = self._wave, None
        file, self._file = self._file, None
        try:
            if sound is not None:
                sound.close()
            if file is not None and samples is not None:
                _cut(file, samples * _SAMPLE_BYTES)
        finally:
            if file is not None:
                file.close()

    def delete(self) -> None:
        """Its text has arrived."""
        with contextlib.suppress(OSError):  # what could not be written is not missed
            self.finish()
        self.sound.unlink(missing_ok=True)
        self.lines.unlink(missing_ok=True)


def _take(folder: Path) -> tuple[Path, BinaryIO] | None:
    """The folder with its lock, if it is free and holds nothing. Raises OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with contextlib.ExitStack() as undo:
        lock = undo.enter_context(_create(folder / _LOCK))
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return None
        if not _is_empty(folder):
            return None
        undo.pop_all()
        return folder, lock


def _is_empty(folder: Path) -> bool:
    return all(child.name == _LOCK for child in folder.iterdir())


def _cut(file: BinaryIO, data_bytes: int) -> None:
    """Shorten a finished WAV file to `data_bytes` of sound, if it has more."""
    length = _HEADER_BYTES + data_bytes
    if file.seek(0, os.SEEK_END) <= length:
        return
    file.truncate(length)
    for at, value in ((4, length - 8), (_HEADER_BYTES - 4, data_bytes)):
        file.seek(at)
        file.write(struct.pack("<I", value))


def _open(path: Path, flags: int) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | flags, 0o600)


def _create(path: Path) -> BinaryIO:
    return os.fdopen(_open(path, os.O_TRUNC), "wb")
