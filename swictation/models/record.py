"""What is written down beside a model when it arrives: `record.json`.

It says what the files were then. For a model whose bytes no other source tells, and for the
contents of an archive, it is all that later looks can compare with.
"""

from pathlib import Path

import msgspec

from swictation.models.spec import ModelFile

NAME = "record.json"


class Record(msgspec.Struct, frozen=True):
    """Where a model came from, and what its files were when it did."""

    source: str
    """Repository on the hub, or the path of the user's own archive."""
    revision: str
    """Commit of that repository; "" where it was not told."""
    fetched: tuple[ModelFile, ...]
    """As fetched: for an archive, the archive."""
    files: tuple[ModelFile, ...]
    """As kept."""


def read(folder: Path) -> Record | None:
    """The record in that folder; None where there is none that can be read."""
    try:
        return msgspec.json.decode((folder / NAME).read_bytes(), type=Record)
    except (OSError, msgspec.DecodeError):
        return None


def write(folder: Path, record: Record) -> None:
    """Put the record into a folder that nobody looks into yet."""
    told = msgspec.json.format(msgspec.json.encode(record), indent=1)
    (folder / NAME).write_bytes(told + b"\n")
