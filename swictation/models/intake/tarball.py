"""Reads a tar from front to back, and supports only what NeMo writes.

Python's own reader supports every dialect of thirty years, and accepts names and sizes from a
second header. Here a member is a plain file or a folder, with one header for its name and size. An
archive with a link, a device, a hole, or a name or size from another header is refused. Nothing is
written here, and memory is limited to one piece, whatever a header says.
"""

import gzip
import re
import zlib
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import BinaryIO, cast

import msgspec

from swictation.errors import ModelError
from swictation.models.intake.door import COPY_BYTES, open_given, shown

AGAIN = "fetch or copy that file again"
OTHER = "take another model: swictation model list"

_BLOCK = 512
_MOST_MEMBERS = 10_000
_MOST_NOTES_BYTES = 1 << 16
_MOST_RATIO, _FREE_BYTES = 32, 1 << 20
"""The most bytes from each byte of a compressed archive: weights hardly shrink."""
_OCTAL = re.compile(rb" *([0-7]{1,11})[ \0]*")
_FILE, _FOLDER, _NOTES = (b"0", b"\0"), b"5", (b"x", b"g")
_KINDS = {
    b"1": "a hard link",
    b"2": "a link",
    b"3": "a device",
    b"4": "a device",
    b"6": "a pipe",
    b"L": "a name in a header of its own",
    b"K": "a link in a header of its own",
    b"S": "a file with holes",
}
_HARMLESS = {
    *(b"mtime", b"atime", b"ctime", b"uid", b"gid", b"uname", b"gname", b"comment"),
    *(b"SCHILY.dev", b"SCHILY.ino", b"SCHILY.nlink", b"SCHILY.fflags"),
    *(b"LIBARCHIVE.creationtime", b"RHT.security.selinux"),
}
_HARMLESS_BEGINNINGS = (b"SCHILY.xattr.", b"SCHILY.acl.", b"LIBARCHIVE.xattr.")
"""What tars add to a header (Python's, GNU's, BSD's). Anything else could change a member."""


class Member(msgspec.Struct, frozen=True):
    """A plain file. `pieces` can be read until the next member is requested."""

    name: bytes
    """As in the archive, without a leading "./"."""
    size_bytes: int
    pieces: Callable[[], Iterator[bytes]]


def members(path: Path) -> Generator[Member, None, None]:
    """The plain files of the archive, in its order; it may be compressed by gzip.

    Raises:
        ModelError: it is no archive, it is broken, or it has what no model needs.
        OSError: it cannot be read.
    """
    with _explained(path), open_given(path) as file, closing(_source(file, path)) as source:
        for _ in range(_MOST_MEMBERS):
            head = source.read(_BLOCK)
            if not any(head):
                source.finish()
                return
            member = _member(head, source, path)
            if member is None:
                continue
            end = source.at + -(-member.size_bytes // _BLOCK) * _BLOCK
            yield member
            source.skip(end - source.at)
    raise ModelError(f"{path} holds more than {_MOST_MEMBERS} files: it is no model", OTHER)


class _Source:
    """Counts bytes from the beginning; raises EOFError if there are fewer than requested."""

    def __init__(self, stream: BinaryIO, most_bytes: int, path: Path) -> None:
        self._stream, self._most_bytes, self._path = stream, most_bytes, path
        self.at = 0

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        self._count(data)
        if len(data) < size:
            raise EOFError
        return data

    def skip(self, size: int) -> None:
        while size > 0:
            size -= len(self.read(min(size, COPY_BYTES)))

    def finish(self) -> None:
        """Read to the end, where a compressed archive has the checksum of its content."""
        while data := self._stream.read(COPY_BYTES):
            self._count(data)

    def _count(self, data: bytes) -> None:
        self.at += len(data)
        if self.at > self._most_bytes:
            raise ModelError(
                f"{self._path} is {_MOST_RATIO} times as large as its file: it is no model", OTHER
            )

    def close(self) -> None:
        self._stream.close()


class _PlainSource(_Source):
    def finish(self) -> None:
        pass

    def skip(self, size: int) -> None:
        if self.at + size > self._most_bytes:
            raise EOFError
        self.at = self._stream.seek(size, 1)


def _source(file: BinaryIO, path: Path) -> _Source:
    size_bytes = file.seek(0, 2)
    file.seek(0)
    head = file.read(2)
    file.seek(0)
    if not head:
        raise ModelError(f"{path} is empty", AGAIN)
    if head == b"\x1f\x8b":
        most_bytes = _FREE_BYTES + _MOST_RATIO * size_bytes
        return _Source(cast("BinaryIO", gzip.GzipFile(fileobj=file)), most_bytes, path)
    return _PlainSource(file, size_bytes, path)


def _member(head: bytes, source: _Source, path: Path) -> Member | None:
    """The plain file that the header announces; None: something without content, to skip."""
    kind, name = head[156:157], _name(head)
    if _number(head[148:156]) != sum(head[:148]) + 8 * 32 + sum(head[156:]):
        if source.at == _BLOCK:
            raise ModelError(f"{path} is no NeMo archive: not a tar", AGAIN)
        raise EOFError
    size_bytes = _number(head[124:136])
    if kind in _NOTES:
        _check_notes(source, size_bytes, path)
        return None
    if kind not in _FILE and kind != _FOLDER:
        what = _KINDS.get(kind, "of an unknown kind")
        raise ModelError(f"{path} holds {shown(name)}, which is no plain file: {what}", OTHER)
    if name.startswith(b"/") or b".." in name.split(b"/"):
        raise ModelError(f"{path} would write outside its folder: {shown(name)}", OTHER)
    if size_bytes is None:
        raise ModelError(f"{path} does not say how large {shown(name)} is", AGAIN)
    if kind == _FOLDER or name.endswith(b"/"):
        if size_bytes:
            raise ModelError(f"{path} holds {shown(name)}, a folder with content", OTHER)
        return None

    def pieces() -> Iterator[bytes]:
        left = size_bytes
        with _explained(path):
            while left:
                piece = source.read(min(left, COPY_BYTES))
                left -= len(piece)
                yield piece

    return Member(name.removeprefix(b"./"), size_bytes, pieces)


def _name(head: bytes) -> bytes:
    name = head[:100].partition(b"\0")[0]
    if head[257:263] == b"ustar\0" and (before := head[345:500].partition(b"\0")[0]):
        return before + b"/" + name
    return name


def _number(field: bytes) -> int | None:
    """Octal; a number in another form would belong to a member that is too large."""
    found = _OCTAL.fullmatch(field)
    return int(found[1], 8) if found else None


def _check_notes(source: _Source, size_bytes: int | None, path: Path) -> None:
    """Skip an extended header, unless it changes name, size or kind: then refuse."""
    if size_bytes is None or size_bytes > _MOST_NOTES_BYTES:
        raise ModelError(f"{path} has a header that is too long", OTHER)
    notes = source.read(-(-size_bytes // _BLOCK) * _BLOCK)[:size_bytes]
    while notes:
        length, _, _ = notes[:8].partition(b" ")
        end = int(length) if length.isdigit() else 0
        key = notes[len(length) + 1 : end].partition(b"=")[0]
        if key not in _HARMLESS and not key.startswith(_HARMLESS_BEGINNINGS):
            raise ModelError(f"{path} says in a second header what counts: {shown(key)}", OTHER)
        notes = notes[end:]


@contextmanager
def _explained(path: Path) -> Generator[None, None, None]:
    """Turn a decompressor's error about a broken archive into words for a person."""
    try:
        yield
    except EOFError as error:
        raise ModelError(f"{path} is truncated or damaged", AGAIN) from error
    except (zlib.error, gzip.BadGzipFile) as error:
        raise ModelError(f"{path} is damaged: {error}", AGAIN) from error
