"""What the spool keeps on disk: a locked folder a process, two files an utterance.

`N.wav` holds the sound (playable, and `swictation transcribe` takes it); `N.jsonl` holds a line
`intent {n, text}` before and `done {n, outcome}` after each injection, in the order of writing.
"""

import fcntl
import os
import wave
from pathlib import Path
from typing import BinaryIO

import msgspec

from swictation.types import SAMPLE_RATE_HZ, Samples

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_UNFINISHED_SAMPLES = 2**30
"""The length in the header until the end is known: readers take what is there."""


class SpoolFolder:
    """`ROOT/<boot id>-<pid>`, locked while its process lives, removed when it holds nothing."""

    def __init__(self, root: Path) -> None:
        """Make and lock the folder.

        Raises:
            OSError: it cannot be made.
        """
        boot_id = _BOOT_ID.read_text().strip() if _BOOT_ID.exists() else "unknown-boot"
        self.path = root / f"{boot_id}-{os.getpid()}"
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock: BinaryIO = _create(self.path / "lock")
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def close(self) -> None:
        """Unlock; the folder stays only if it still holds sound."""
        if not any(child.name != "lock" for child in self.path.iterdir()):
            (self.path / "lock").unlink(missing_ok=True)
            self.path.rmdir()
        self._lock.close()


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

    def finish(self) -> None:
        """The sound is complete: mend the header and close."""
        if self._wave is not None:
            self._wave.close()
            self._wave = None
        if self._file is not None:
            self._file.close()
            self._file = None

    def delete(self) -> None:
        """Its text has arrived."""
        self.finish()
        self.sound.unlink(missing_ok=True)
        self.lines.unlink(missing_ok=True)


def _open(path: Path, flags: int) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | flags, 0o600)


def _create(path: Path) -> BinaryIO:
    return os.fdopen(_open(path, os.O_TRUNC), "wb")
