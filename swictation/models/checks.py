"""Whether files are what they have to be."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from swictation.models.spec import ModelFile


def check_sizes(folder: Path, files: Iterable[ModelFile]) -> list[str]:
    """What is wrong with the files by presence and size; one line a file."""
    return [line for file in files if (line := _size_problem(folder, file))]


def check_files(folder: Path, files: Iterable[ModelFile]) -> list[str]:
    """What is wrong with the files by size and sha256; one line a file. Reads all of them."""
    problems: list[str] = []
    for file in files:
        line = _size_problem(folder, file) or _hash_problem(folder, file)
        if line:
            problems.append(line)
    return problems


def measure(path: Path) -> ModelFile:
    """Size and sha256 of a file. Raises OSError."""
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
        return ModelFile(path.name, stream.tell(), digest)


def _size_problem(folder: Path, file: ModelFile) -> str:
    try:
        size = (folder / file.name).stat().st_size
    except (FileNotFoundError, NotADirectoryError):
        return f"{file.name} is missing"
    except OSError as error:
        return f"{file.name} cannot be read ({error.strerror})"
    if file.size_bytes and size != file.size_bytes:
        return f"{file.name} has {size} bytes instead of {file.size_bytes}"
    return ""


def _hash_problem(folder: Path, file: ModelFile) -> str:
    if not file.sha256:
        return ""
    try:
        digest = measure(folder / file.name).sha256
    except OSError as error:
        return f"{file.name} cannot be read ({error.strerror})"
    return "" if digest == file.sha256 else f"{file.name} has a wrong sha256"
