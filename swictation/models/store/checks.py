"""Checks files against their expected sizes and hashes."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from swictation.asr.model_spec import ModelFile
from swictation.asr.provider import EngineProvider
from swictation.models.store import hashes


def check_quickly(folder: Path, files: Iterable[ModelFile]) -> list[str]:
    """What is wrong by size, and by hashes known from earlier; reads no file."""
    files = tuple(files)
    known = hashes.known(folder, (file.name for file in files))
    return [
        line
        for file in files
        if (line := _size_problem(folder, file) or _hash_problem(file, known.get(file.name)))
    ]


def is_read(folder: Path, files: Iterable[ModelFile]) -> bool:
    """Whether all files that have a hash are unchanged since they were last read."""
    names = {file.name for file in files if file.sha256}
    return names == set(hashes.known(folder, names))


def check_files(folder: Path, files: Iterable[ModelFile], *, trust_seen: bool = False) -> list[str]:
    """What is wrong with the files by size and sha256; one line a file.

    Args:
        folder: where they are.
        files: what they should be.
        trust_seen: a file that has not changed since it was last read is not read again.
    """
    files = tuple(files)
    known = hashes.known(folder, (file.name for file in files)) if trust_seen else {}
    at_ns = hashes.now_ns()
    problems: list[str] = []
    fresh: list[ModelFile] = []
    for file in files:
        line = _size_problem(folder, file)
        if not line and file.sha256 and file.name not in known:
            try:
                fresh.append(found := measure(folder / file.name))
                known[file.name] = found.sha256
            except OSError as error:
                line = f"{file.name} cannot be read ({error.strerror})"
        line = line or _hash_problem(file, known.get(file.name))
        if line:
            problems.append(line)
    if fresh:
        hashes.remember(folder, fresh, at_ns)
    return problems


def strange_files(provider: EngineProvider, folder: Path, files: Iterable[ModelFile]) -> list[str]:
    """The files that the engine would read and that are not among `files`; one line each.

    Their content cannot be checked.
    """
    known = {file.name for file in files}
    there = provider.read_files(folder)
    return [f"{name} is of unknown origin" for name in there if name not in known]


def measure(path: Path) -> ModelFile:
    """Read a file's size and sha256. Raises OSError."""
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


def _hash_problem(file: ModelFile, digest: str | None) -> str:
    is_other = digest and file.sha256 and digest != file.sha256
    return f"{file.name} has a wrong sha256" if is_other else ""
