"""The models on this machine: `$XDG_DATA_HOME/swictation/models/<engine>/<name>/`."""

import hashlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from swictation.errors import ModelError
from swictation.models.catalog import AUTO, CATALOG, ModelFile, ModelSpec, choose
from swictation.paths import models_dir

_VOCABULARIES = ("vocabulary.txt", "vocabulary.json")


class ModelLocation(msgspec.Struct, frozen=True):
    """Where a model lies. `languages` is empty for a folder of the user's own: not known."""

    name: str
    path: Path
    languages: tuple[str, ...] = ()


def folder_of(spec: ModelSpec) -> Path:
    """Where a known model lives, whether it is there or not."""
    return models_dir() / spec.engine / spec.name


def is_there(spec: ModelSpec) -> bool:
    """Whether the model has a folder, be it sound or not."""
    # os.path rather than Path: a folder that may not be looked into is no exception here.
    return os.path.isdir(folder_of(spec))


def location_of(spec: ModelSpec) -> ModelLocation:
    """The location of a known model, whether it is there or not."""
    return ModelLocation(spec.name, folder_of(spec), spec.languages)


def quick_problems(spec: ModelSpec) -> list[str]:
    """What is wrong with the stored model by presence and size alone; one line a file."""
    folder = folder_of(spec)
    return [line for file in spec.files if (line := _size_problem(folder, file))]


def check_files(folder: Path, files: Iterable[ModelFile]) -> list[str]:
    """What is wrong with the files by size and sha256; one line a file. Reads all of them."""
    problems: list[str] = []
    for file in files:
        line = _size_problem(folder, file) or _hash_problem(folder, file)
        if line:
            problems.append(line)
    return problems


def verify(spec: ModelSpec) -> list[str]:
    """What is wrong with the stored model by size and sha256; one line a file, [] when sound."""
    return check_files(folder_of(spec), spec.files)


def locate(model: str, language: str, catalog: Sequence[ModelSpec] = CATALOG) -> ModelLocation:
    """Find a model on this machine; presence and sizes are checked, hashes are not.

    Args:
        model: "auto", a name of the catalog, or the path of a folder.
        language: ISO 639-1 code of the spoken language.
        catalog: the known models, preferred ones first.

    Raises:
        ModelError: unknown, missing or damaged, with the command that mends it.
    """
    if _is_path(model, catalog):
        return _own_folder(Path(model).expanduser().absolute())
    spec = choose(model, language, catalog)
    problems = quick_problems(spec)
    if not problems:
        return location_of(spec)
    if not is_there(spec):
        raise absent(spec)
    raise damaged(spec, problems)


def absent(spec: ModelSpec) -> ModelError:
    """The error for a model that was never downloaded."""
    return ModelError(
        f"the model {spec.name} is not on this machine yet",
        f"swictation model download {spec.name}",
    )


def damaged(spec: ModelSpec, problems: Sequence[str]) -> ModelError:
    """The error for a stored model with problems."""
    return ModelError(
        f"the model {spec.name} in {folder_of(spec)} is damaged: {'; '.join(problems)}",
        f"swictation model download --force {spec.name}",
    )


def _is_path(model: str, catalog: Sequence[ModelSpec]) -> bool:
    if model == AUTO or any(spec.name == model for spec in catalog):
        return False
    return os.sep in model or model.startswith(("~", ".")) or os.path.isdir(model)


def _own_folder(folder: Path) -> ModelLocation:
    if not os.path.isdir(folder):
        raise ModelError(
            f"there is no model folder {folder}",
            'correct [asr] model, or set it to "auto"',
        )
    missing = [name for name in ("config.json", "model.bin") if not os.path.isfile(folder / name)]
    words = ("tokenizer.json", *_VOCABULARIES)
    if not any(os.path.isfile(folder / name) for name in words):
        missing.append("tokenizer.json or vocabulary.txt")
    if missing:
        raise ModelError(
            f"the model folder {folder} lacks {', '.join(missing)}",
            "put a whole CTranslate2 conversion of Whisper there, or set [asr] model to a name"
            " from: swictation model list",
        )
    return ModelLocation(folder.name, folder)


def _size_problem(folder: Path, file: ModelFile) -> str:
    try:
        size = (folder / file.name).stat().st_size
    except (FileNotFoundError, NotADirectoryError):
        return f"{file.name} is missing"
    except OSError as error:
        return f"{file.name} cannot be read ({error.strerror})"
    if size != file.size_bytes:
        return f"{file.name} has {size} bytes instead of {file.size_bytes}"
    return ""


def _hash_problem(folder: Path, file: ModelFile) -> str:
    try:
        with (folder / file.name).open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        return f"{file.name} cannot be read ({error.strerror})"
    return "" if digest == file.sha256 else f"{file.name} has a wrong sha256"
