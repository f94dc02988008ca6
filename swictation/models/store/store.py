"""The models on this machine: `$XDG_DATA_HOME/swictation/models/<engine>/<name>/`."""

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec

from swictation.asr.model_spec import NEMO, ModelFile, ModelSpec
from swictation.asr.registry import find, provider
from swictation.config.settings import DEFAULT_ENGINE
from swictation.errors import ModelError
from swictation.models.catalog.catalog import AUTO, choose, named
from swictation.models.store import nemo_cache, record
from swictation.models.store.checks import check_files, check_quickly, is_read, strange_files
from swictation.paths import models_dir

State = Literal["no", "partly", "damaged", "not pinned", "yes"]
"""The state of a known model. Partly: a download was interrupted, or its archive was put there by
hand; the next download continues with it. Not pinned: sound by presence and sizes, but only the
record made at its arrival has its hashes."""


class ModelLocation(msgspec.Struct, frozen=True):
    """Where a model is."""

    name: str
    path: Path
    languages: tuple[str, ...] = ()
    """What it understands; () if that is not known, as of a folder of the user's own."""
    reason: str = ""
    """Why "auto" means this model, in words; "" if a name was given."""


def folder_of(spec: ModelSpec) -> Path:
    """The folder of a known model, whether it is there or not."""
    return models_dir() / spec.engine / spec.name


def beside(spec: ModelSpec, suffix: str) -> Path:
    """A name beside the model's folder, so that a move between them is a rename."""
    return folder_of(spec).with_name(f".{spec.name}.{suffix}")


def is_there(spec: ModelSpec) -> bool:
    """Whether the model has a folder, sound or not."""
    # os.path rather than Path, which raises for a folder that may not be read.
    return os.path.isdir(folder_of(spec))


def given_archive(spec: ModelSpec) -> Path | None:
    """The archive that the user has put into the model's folder; None if there is none."""
    path = folder_of(spec) / spec.archive.name if spec.archive else None
    return path if path and os.path.isfile(path) else None


def location_of(spec: ModelSpec) -> ModelLocation:
    """The location of a known model, whether it is there or not."""
    return ModelLocation(spec.name, folder_of(spec), spec.languages)


def expected(spec: ModelSpec) -> tuple[ModelFile, ...]:
    """What the files in the model's folder should be: as published, or else as they arrived.

    () if that is unknown, as of files that the user has put there unpacked.
    """
    if spec.is_pinned and not spec.archive:
        return spec.files
    noted = record.read(folder_of(spec))
    return noted.files if noted else ()


def quick_problems(spec: ModelSpec) -> list[str]:
    """What is wrong with the stored model by presence and size; one line a file.

    And by the hashes, for files that have been read since they changed.
    """
    folder = folder_of(spec)
    if given_archive(spec):
        return ["it is not unpacked yet"]
    if files := expected(spec):
        return check_quickly(folder, files)
    if spec.archive:
        return [f"{it} is missing" for it in provider(spec.engine).missing_files(folder)]
    return check_quickly(folder, spec.files)


def verify(spec: ModelSpec, *, trust_seen: bool = False) -> list[str]:
    """What is wrong with the stored model by size and sha256; one line a file, [] if sound.

    Files without a published hash, or from an archive, are compared to the record.

    Args:
        spec: the model.
        trust_seen: a file that has not changed since it was last read is not read again.
    """
    folder, files = folder_of(spec), expected(spec)
    if not files:
        return [f"{record.NAME} is missing, which has the files' hashes"]
    problems = check_files(folder, files, trust_seen=trust_seen)
    return [*problems, *_strange(spec, files)]


def is_unread(spec: ModelSpec) -> bool:
    """Whether a file may have changed since it was last read, and so has to be read again."""
    files = expected(spec)
    return bool(files) and is_there(spec) and not is_read(folder_of(spec), files)


def state(spec: ModelSpec) -> State:
    """The state of the model on this machine, by presence and sizes."""
    if not is_there(spec):
        return "partly" if os.path.isdir(beside(spec, "partial")) else "no"
    if given_archive(spec):
        return "partly"
    if quick_problems(spec) or _strange(spec, expected(spec)):
        return "damaged"
    return "yes" if spec.is_pinned and expected(spec) else "not pinned"


def locate(
    model: str, language: str, engine: str = DEFAULT_ENGINE, *, is_to_load: bool = True
) -> ModelLocation:
    """Find a model on this machine, and read files that may have changed since the last time.

    Reading blocks, the first time and after a change, for as long as it takes.

    Args:
        model: "auto" (the engine's preferred one), a name of the catalog, or a path: of a folder,
            or of a `.nemo` that is unpacked already.
        language: ISO 639-1 code of the spoken language.
        engine: the engine that loads it.
        is_to_load: False: read nothing; presence and sizes are enough.

    Raises:
        ModelError: unknown, missing or damaged, with the command that fixes it.
    """
    if is_path(model):
        path = Path(model).expanduser().absolute()
        if path.name.endswith(NEMO):
            return _own_archive(path, is_to_load=is_to_load)
        return _own_folder(path, engine)
    spec = choose(model, language, engine)
    problems = quick_problems(spec)
    if is_to_load and not problems and expected(spec):
        problems = verify(spec, trust_seen=True)
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
    """The error for a stored model with problems, or whose archive is not unpacked yet."""
    if given_archive(spec):
        return ModelError(
            f"the model {spec.name} in {folder_of(spec)} is not unpacked yet",
            f"swictation model download {spec.name}",
        )
    remedy = f"swictation model download --force {spec.name}"
    folder = folder_of(spec)
    if problems and problems == (strange := _strange(spec, expected(spec))):
        paths = " ".join(shlex.quote(str(folder / line.partition(" ")[0])) for line in strange)
        again = f" && swictation model convert {spec.name}" if spec.archive else ""
        remedy = f"rm {paths}{again}"
    return ModelError(
        f"the model {spec.name} in {folder} is damaged: {'; '.join(problems)}", remedy
    )


def is_path(model: str) -> bool:
    """Whether `model` means a path: it looks like one, or there is such a folder."""
    if model == AUTO or named(model):
        return False
    is_like_one = os.sep in model or model.startswith(("~", ".")) or model.endswith(NEMO)
    return is_like_one or os.path.isdir(model)


def _strange(spec: ModelSpec, files: Sequence[ModelFile]) -> list[str]:
    """Files that the engine would read and that have no known hash; one line each."""
    return strange_files(provider(spec.engine), folder_of(spec), files) if files else []


def _own_archive(path: Path, *, is_to_load: bool) -> ModelLocation:
    if not nemo_cache.is_unpacked(path):
        raise nemo_cache.absent(path)
    if is_to_load and (problems := nemo_cache.verify(path, trust_seen=True)):
        raise nemo_cache.damaged(path, problems)
    place = nemo_cache.place_of(path)
    languages = nemo_cache.unpacker_of(path).check_folder(place)
    return ModelLocation(path.name.removesuffix(NEMO), place, languages)


def _own_folder(folder: Path, engine: str) -> ModelLocation:
    if not os.path.isdir(folder):
        raise ModelError(
            f"there is no model folder {folder}",
            'correct [asr] model, or set it to "auto"',
        )
    found = find(engine)
    return ModelLocation(folder.name, folder, found.check_folder(folder) if found else ())
