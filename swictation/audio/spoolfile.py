"""What the spool keeps on disk: a locked folder for each process, two files for each utterance.

`N.wav` holds the sound (playable, and `swictation transcribe` takes it); `N.jsonl` holds a line
`intent {n, text}` before and `done {n, outcome}` after each injection, in the order of writing;
after the outcome "unproven" there is another `done` of that n, once the text has arrived or not.
Whatever happens to the disk, files stay readable to their last whole sample and line.
"""

import contextlib
import errno
import itertools
import os
import re
import struct
import tempfile
import wave
from pathlib import Path
from typing import IO, BinaryIO

import numpy as np

from swictation.audio.spoolnames import HEADER_BYTES, LOCK
from swictation.filelock import try_lock
from swictation.paths import make_private, spool_dir
from swictation.types import SAMPLE_RATE_HZ, Samples

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_PROBE_BYTES = 2**20
"""Half a minute of sound: if there is room for that, the next utterance fits."""
_SAMPLE_BYTES = 2
_NAME = re.compile(r"\d{3}-(\d{6}|unheard-\d+)\.wav")
_UNFINISHED_SAMPLES = 2**30
"""The length in the header until the end is known: readers take what they find."""
_CANNOT_SYNC = {errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP}
"""From file systems that cannot or need not sync."""


class SpoolFolder:
    """`ROOT/<boot id>-<pid>`, locked while its process lives, removed when it is empty.

    Process ids are reused, in a container at every start: if such a folder still has sound, or
    is in use, the next one gets `.1`, `.2` ... after its name.
    """

    def __init__(self, root: Path) -> None:
        """Nothing is on disk before `secure`."""
        boot_id = _BOOT_ID.read_text().strip() if _BOOT_ID.exists() else "unknown-boot"
        self._first = root / f"{boot_id}-{os.getpid()}"
        self._lock: IO[bytes] | None = None
        self.path = self._first

    def secure(self) -> None:
        """Make and lock the folder if it is missing: at first, or if somebody removed it.

        Raises:
            OSError: it cannot be made.
        """
        lock, self._lock = self._lock, None
        if lock:
            if _is_at(lock.fileno(), self.path / LOCK):
                self._lock = lock
                return
            lock.close()
            self._lock = _locked(self.path)
        if self._lock is None:
            suffixes = itertools.chain([""], (f".{number}" for number in itertools.count(1)))
            paths = (self._first.with_name(f"{self._first.name}{suffix}") for suffix in suffixes)
            locks = ((path, _locked(path, is_fresh=True)) for path in paths)
            self.path, self._lock = next(one for one in locks if one[1])
        _sync_folder(self.path.parent)

    def probe(self) -> None:
        """Raises OSError if there is no room for the sound of an utterance.

        Tested with a file that never has a name.
        """
        with tempfile.TemporaryFile(dir=self.path, buffering=0) as file:
            _write_all(file, 0, bytes(_PROBE_BYTES))

    def close(self) -> None:
        """Unlock; the folder stays only if it still has sound."""
        lock, self._lock = self._lock, None
        if lock is None:
            return
        with lock, contextlib.suppress(OSError):
            if _is_empty(self.path):
                (self.path / LOCK).unlink(missing_ok=True)
                self.path.rmdir()


class SpoolFile:
    """One utterance on disk. Used on the spool thread only.

    Every call may raise OSError. It can then be repeated, and continues where it stopped.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.sound = folder / f"{name}.wav"
        self.lines = folder / f"{name}.jsonl"
        self.samples = 0
        """How many are written."""
        self.lines_written = 0
        self._lines_bytes = 0
        self._synced_samples = 0
        self._is_entry_synced = False
        self._file: IO[bytes] | None = None
        self._identity: tuple[int, int] | None = None
        self._lock: tuple[int, int] | None = None

    @property
    def is_whole(self) -> bool:
        """Whether everything that was written is still there, under its name."""
        if self._identity and not _has(self.sound, self._sound_bytes, self._identity):
            return False
        return not self._lines_bytes or _has(self.lines, self._lines_bytes)

    @property
    def is_gone(self) -> bool:
        """Whether the sound was taken out of its folder.

        False if the disk does not answer, or if the whole folder was removed and made again.
        """
        try:
            self.sound.lstat()
        except FileNotFoundError:
            return self._lock == _lock_identity(self.sound.parent) is not None
        except OSError:
            pass
        return False

    def write(self, samples: Samples) -> None:
        """Append int16 samples. If that fails, as much as fits is written."""
        file = self._file = self._file or self._begin()
        try:
            written = _write_at(file, self._sound_bytes, samples.tobytes())
        except _CutShort as cut:
            self.samples += cut.written // _SAMPLE_BYTES
            with contextlib.suppress(OSError):
                file.truncate(self._sound_bytes)
            raise cut.error from None
        self.samples += written // _SAMPLE_BYTES

    def write_lines(self, lines: list[bytes]) -> None:
        """Append those of `lines` that are not written yet; each is there as a whole, or not."""
        if len(lines) == self.lines_written:
            return
        with os.fdopen(_open(self.lines, 0), "wb", buffering=0) as file:
            for line in lines[self.lines_written :]:
                try:
                    self._lines_bytes += _write_at(file, self._lines_bytes, line)
                except _CutShort as cut:
                    with contextlib.suppress(OSError):
                        file.truncate(self._lines_bytes)
                    raise cut.error from None
                self.lines_written += 1

    def sync(self) -> None:
        """Make what is written survive a power cut."""
        if self._file and self._synced_samples < self.samples:
            self._sync(self._file)

    def drop(self) -> None:
        """Count none of its sound any more."""
        self.samples = 0

    def finish(self, samples: int | None = None) -> None:
        """Close it: the sound is complete, with at most `samples`, and the header says so."""
        if self._file is None:
            return
        if samples is not None and samples < self.samples:
            self.samples = samples
        self._file.truncate(self._sound_bytes)
        _write_all(self._file, 0, _header(self.samples))
        self._sync(self._file)
        self.close()

    def close(self) -> None:
        """Close it as it is."""
        file, self._file = self._file, None
        if file:
            with contextlib.suppress(OSError):
                file.close()

    def delete(self) -> None:
        """Delete it: its text has arrived."""
        self.close()
        self.sound.unlink(missing_ok=True)
        self.lines.unlink(missing_ok=True)

    @property
    def _sound_bytes(self) -> int:
        return HEADER_BYTES + self.samples * _SAMPLE_BYTES

    def _begin(self) -> IO[bytes]:
        """Leave no empty file behind if there is no room for its header."""
        with contextlib.ExitStack() as undo:
            file = undo.enter_context(_create(self.sound))
            undo.callback(self.sound.unlink, missing_ok=True)
            _write_all(file, 0, _header(_UNFINISHED_SAMPLES))
            status = os.fstat(file.fileno())
            self._identity = status.st_dev, status.st_ino
            self._lock = _lock_identity(self.sound.parent)
            undo.pop_all()
            return file

    def _sync(self, file: IO[bytes]) -> None:
        try:
            _sync(file.fileno())
        except OSError:
            # The kernel forgets what it could not write: all of it is written again.
            self.samples = min(self.samples, self._synced_samples)
            raise
        self._synced_samples = self.samples
        if not self._is_entry_synced:
            _sync_folder(self.sound.parent)
            self._is_entry_synced = True


def read_samples(path: Path, first: int, count: int) -> Samples | None:
    """So many samples of the file from `first` on, or None if they are not all there."""
    try:
        with wave.open(str(path), "rb") as file:
            file.setpos(first)
            sound = np.frombuffer(file.readframes(count), np.int16)
    except (OSError, wave.Error, EOFError):
        return None
    return sound if len(sound) == count else None


def has_lost_header(path: Path, file: BinaryIO) -> bool:
    """Whether it is a sound of the spool with a damaged header: raw samples follow."""
    folder = path.absolute().parent
    if folder.parent != spool_dir() or not _NAME.fullmatch(path.name) or not path.is_file():
        return False
    header = file.read(HEADER_BYTES)
    file.seek(0)
    return header[:4] + header[8:16] + header[36:40] != b"RIFFWAVEfmt data"


class _CutShort(Exception):
    """Only so many bytes could be written."""

    def __init__(self, written: int, error: OSError) -> None:
        super().__init__(written, error)
        self.written = written
        self.error = error


def _write_at(file: IO[bytes], offset: int, data: bytes) -> int:
    """Write all of `data` at `offset`; its length. Raises _CutShort."""
    written = 0
    while written < len(data):
        try:
            written += os.pwrite(file.fileno(), data[written:], offset + written)
        except OSError as error:
            raise _CutShort(written, error) from error
    return written


def _write_all(file: IO[bytes], offset: int, data: bytes) -> None:
    """Write all of `data` at `offset`. Raises OSError."""
    try:
        _write_at(file, offset, data)
    except _CutShort as cut:
        raise cut.error from None


def _header(samples: int) -> bytes:
    """The header of a WAV file: one channel of 16 bits."""
    data_bytes, rate = samples * _SAMPLE_BYTES, SAMPLE_RATE_HZ
    riff = struct.pack("<4sI4s", b"RIFF", HEADER_BYTES - 8 + data_bytes, b"WAVE")
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, rate * _SAMPLE_BYTES, 2, 16)
    return riff + form + struct.pack("<4sI", b"data", data_bytes)


def _has(path: Path, size: int, identity: tuple[int, int] | None = None) -> bool:
    """Whether there are so many bytes at `path`, in the file of that device and inode."""
    try:
        status = path.lstat() if identity is None else path.stat()
    except OSError:
        return False
    is_same = identity is None or identity == (status.st_dev, status.st_ino)
    return is_same and status.st_size >= size


def _lock_identity(folder: Path) -> tuple[int, int] | None:
    """Identity of the folder's lock, or None: a new folder of that name has another."""
    try:
        status = (folder / LOCK).lstat()
    except OSError:
        return None
    return status.st_ino, status.st_ctime_ns


def _is_at(number: int, path: Path) -> bool:
    """Whether the open file `number` is the one at `path`."""
    status = os.fstat(number)
    return _has(path, 0, (status.st_dev, status.st_ino))


def _locked(folder: Path, *, is_fresh: bool = False) -> IO[bytes] | None:
    """Make and lock the folder; None if the lock is taken, or the folder not new as required.

    Raises:
        OSError: it cannot be made.
    """
    make_private(folder.parent)
    make_private(folder)
    with contextlib.ExitStack() as undo:
        lock = undo.enter_context(_create(folder / LOCK))
        if not try_lock(lock):
            return None
        if is_fresh and not _is_empty(folder):
            return None
        undo.pop_all()
        return lock


def _is_empty(folder: Path) -> bool:
    return all(child.name == LOCK for child in folder.iterdir())


def _sync_folder(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _sync(number)
    finally:
        os.close(number)


def _sync(number: int) -> None:
    try:
        os.fdatasync(number)
    except OSError as error:
        if error.errno not in _CANNOT_SYNC:
            raise


def _open(path: Path, flags: int) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | flags, 0o600)


def _create(path: Path) -> IO[bytes]:
    return os.fdopen(_open(path, os.O_TRUNC), "wb", buffering=0)
