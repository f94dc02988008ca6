"""The single door: everything from an archive, a wheel or a hub reaches the disk through it.

Only files that we asked for come in: under the name that we chose, plain and new, in a folder of
ours, and within a size limit. Nothing that the sender says can change that.
"""

import errno
import hashlib
import io
import os
import re
import shlex
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import IO, TYPE_CHECKING, BinaryIO

from swictation.asr.model_spec import ModelFile
from swictation.errors import ModelError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

COPY_BYTES = 1 << 20
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,199}")
_LONGEST_SHOWN = 60


def is_name(name: str) -> bool:
    """Whether `name` is acceptable for a file: plain ASCII, no folder, not hidden."""
    return _NAME.fullmatch(name) is not None


def shown(name: bytes | str, longest: int = _LONGEST_SHOWN) -> str:
    """Foreign text for a terminal: one line, short, unprintable characters escaped."""
    text = name.decode("utf-8", "backslashreplace") if isinstance(name, bytes) else name
    text = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
    return text if len(text) <= longest else f"{text[:longest]}..."


def open_given(path: Path) -> BinaryIO:
    """Open a file that the user named, for reading; a pipe or a device cannot block it.

    Raises:
        ModelError: it is no plain file.
        OSError: it cannot be read.
    """
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise ModelError(f"{path} is no plain file", "give the path of a file")
    return os.fdopen(fd, "rb")


class Sink(io.FileIO):
    """Open the file `name` in `folder`, for writing up to `most_bytes`.

    Args:
        folder: ours.
        name: our own name for it, never one that was sent.
        most_bytes: its size limit.
        goes_on: it may exist, and grows; else it must be new.

    Raises:
        ModelError: `name` is not acceptable, or something other than a plain file exists.
        OSError: it cannot be made.
    """

    def __init__(self, folder: Path, name: str, most_bytes: int, *, goes_on: bool = False) -> None:
        if not is_name(name):
            raise ModelError(f"{shown(name)} is no name for a model's file")
        how = os.O_APPEND if goes_on else os.O_EXCL
        flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | how
        fd = os.open(folder / name, flags, 0o644)
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
            os.close(fd)
            raise ModelError(f"{folder / name} is no plain file of ours")
        super().__init__(fd, "ab" if goes_on else "wb")
        self._file = name
        self._most_bytes = most_bytes

    def write(self, data: "ReadableBuffer", /) -> int:
        """Write all of `data`. Raises ModelError: the file would become too large."""
        left = memoryview(data).cast("B")
        length = len(left)
        if self.tell() + length > self._most_bytes:
            raise ModelError(f"{self._file} is larger than the {self._most_bytes} bytes it may be")
        while left:
            left = left[super().write(left) or 0 :]
        return length


def receive(
    pieces: Iterable[bytes], folder: Path, name: str, most_bytes: int, *, goes_on: bool = False
) -> ModelFile:
    """Write the pieces to the file `name` in `folder`: see `Sink`.

    Returns:
        Size and hash of what was written this time.
    """
    digest, size_bytes = hashlib.sha256(), 0
    with Sink(folder, name, most_bytes, goes_on=goes_on) as sink:
        for piece in pieces:
            sink.write(piece)
            digest.update(piece)
            size_bytes += len(piece)
    return ModelFile(name, size_bytes, digest.hexdigest())


def replace(path: Path, data: bytes) -> None:
    """Write a small file of our own, whole or not at all, and never through a link."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    try:
        with fresh.open("xb") as file:
            file.write(data)
        fresh.rename(path)
    finally:
        fresh.unlink(missing_ok=True)


def disk_error(what: str, place: Path, variable: str, error: OSError) -> ModelError:
    """The error for `what`, a model, that found no way onto the disk of `place`.

    `variable`: of the environment, which says where that is.
    """
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ModelError(
            f"the disk is full: no room for the model {what} in {place} ({error.strerror})",
            f"free some room, then: swictation model download {shlex.quote(what)}",
        )
    return ModelError(
        f"the model {what} cannot be written to {place}: {error.strerror or error}",
        f"make that folder writable, or set {variable} to a folder that is",
    )


def pieces_of(stream: IO[bytes]) -> Iterable[bytes]:
    """Read the stream to its end, a megabyte at a time."""
    return iter(lambda: stream.read(COPY_BYTES), b"")
