"""The record that is written beside a model when it arrives: `record.json`.

It has the sizes and hashes of the files at that time. For a model without published hashes, and for
the contents of an archive, later checks have nothing else to compare with.
"""

from pathlib import Path

import msgspec

from swictation.asr.model_spec import ModelFile
from swictation.models.intake.door import is_name, replace

NAME = "record.json"
_MOST_BYTES = 1 << 20


class Record(msgspec.Struct, frozen=True):
    """Where a model came from, and what its files were then."""

    source: str
    """Repository on the hub, or the path of the user's own archive."""
    revision: str
    """Commit of that repository; "" if unknown."""
    fetched: tuple[ModelFile, ...]
    """As fetched: for an archive, the archive."""
    files: tuple[ModelFile, ...]
    """As kept."""


def read(folder: Path) -> Record | None:
    """Read the record in that folder; None if there is none that can be read."""
    try:
        with (folder / NAME).open("rb") as file:
            record = msgspec.json.decode(file.read(_MOST_BYTES), type=Record)
    except (OSError, msgspec.DecodeError):
        return None
    return record if all(is_name(file.name) for file in record.files) else None


def add(folder: Path, file: ModelFile) -> None:
    """Add a file that was made there later. Without a record, nothing happens.

    Raises:
        OSError: the record cannot be written.
    """
    record = read(folder)
    if record is None:
        return
    files = (*(it for it in record.files if it.name != file.name), file)
    replace(folder / NAME, _text(msgspec.structs.replace(record, files=files)))


def write(folder: Path, record: Record) -> None:
    """Write the record into a folder that is not in use yet."""
    (folder / NAME).write_bytes(_text(record))


def _text(record: Record) -> bytes:
    return msgspec.json.format(msgspec.json.encode(record), indent=1) + b"\n"
