"""A Canary's weights in the format of torch: a zip of uncompressed members, one of them a pickle.

It is checked here without torch, and nothing of the pickle is read. This keeps whatever reads it
later from getting more than the file's own bytes, whatever its headers say.
"""

import zipfile
from io import BufferedReader
from pathlib import Path

_MOST_LIST_BYTES, _MOST_PICKLE_BYTES = 2 << 20, 4 << 20
"""Limits for the list of members and for the table of tensors, which has a name and a shape each.

A Canary's have a tenth of that. Reading them makes objects of ten times their size and takes a
microsecond for each byte.
"""
_PIECE_BYTES = 1 << 20


class _Reader(BufferedReader):
    """Never reads more at once than the limit for the list of members."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > _MOST_LIST_BYTES:
            raise zipfile.BadZipFile("its list of members is too long")
        return super().read(_MOST_LIST_BYTES if size is None or size < 0 else size)


def check(path: Path, *, with_crc: bool = False) -> None:
    """Raise ValueError, in one line, unless the file has torch's format.

    Args:
        path: a plain file.
        with_crc: read all of it and compare it to its checksums, which finds wrong bits.

    Raises:
        ValueError: the file has another format, or is damaged.
        OSError: it cannot be read.
    """
    try:
        with _Reader(path.open("rb", buffering=0)) as file, zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            _check_members(members, path.stat().st_size)
            if with_crc:
                _read_all(archive, members)
    except (zipfile.BadZipFile, RuntimeError, EOFError) as error:
        raise ValueError("they are truncated or damaged") from error


def _check_members(members: list[zipfile.ZipInfo], file_bytes: int) -> None:
    if any(it.compress_type != zipfile.ZIP_STORED or it.flag_bits & 1 for it in members):
        raise ValueError("they are compressed, which torch's never are")
    if sum(it.file_size for it in members) > file_bytes:
        raise ValueError("they claim to be larger than their file")
    pickles = [it for it in members if it.filename.endswith(".pkl")]
    if len(pickles) != 1 or not pickles[0].filename.endswith("data.pkl"):
        raise ValueError("they are no table of tensors")
    if pickles[0].file_size > _MOST_PICKLE_BYTES:
        raise ValueError("their table of tensors is too long")


def _read_all(archive: zipfile.ZipFile, members: list[zipfile.ZipInfo]) -> None:
    for member in members:
        with archive.open(member) as stream:
            while stream.read(_PIECE_BYTES):
                pass
