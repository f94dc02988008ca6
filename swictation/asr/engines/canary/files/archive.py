"""NeMo's archives, `.nemo`: a tar of a configuration, weights and the files of a tokenizer.

They are checked and unpacked here without NeMo or torch. Faults are reported in one line, before
anything large is written. Only the configuration, the weights, and the tokenizers' files that the
configuration names are unpacked.
"""

import errno
import re
import shutil
from collections.abc import Iterator
from contextlib import closing
from importlib import metadata
from pathlib import Path

from swictation.asr.engines.canary.files import checkpoint, model_config
from swictation.asr.engines.canary.files.folder import CONFIG, WEIGHTS
from swictation.asr.model_spec import ModelFile
from swictation.asr.provider import Progress
from swictation.errors import ModelError
from swictation.models.intake import door, tarball
from swictation.models.intake.tarball import AGAIN, OTHER

_PINNED_NEMO = "3.0.0"
_MOST_WEIGHTS_BYTES = (8 << 30) - 1
"""The most that a tar's own header can express."""
_MOST_TOKENIZER_BYTES = 8 << 20


def check_folder(folder: Path) -> tuple[str, ...]:
    """Raise ModelError unless the folder, in which no file is missing, holds a Canary.

    Returns:
        The languages that the model understands, as in `check_config`.
    """
    with door.open_given(folder / CONFIG) as file:
        config = check_config(file.read(model_config.MOST_BYTES + 1), folder)
    for name in config.files:
        _check_tokenizer(folder, name)
    return config.languages


def check_config(text: bytes, where: Path) -> model_config.CanaryConfig:
    """Raise ModelError unless `text` configures a Canary that this NeMo can load.

    Returns:
        The parts that are used. Its languages are () if one tokenizer serves all: then only the
        loaded model knows them.
    """
    try:
        config = model_config.read(text)
    except model_config.Refused as error:
        raise ModelError(
            f"{CONFIG} of {where} is not that of a Canary: {error}", f"{AGAIN}; or {OTHER}"
        ) from error
    if not model_config.is_canary(config.target):
        name = model_config.class_name(config.target)
        what = f"of the class {name}" if config.target else "of no class"
        raise ModelError(
            f"{where} is a model {what}, not NeMo's {model_config.CLASS}: it is no Canary",
            OTHER,
        )
    made_by, installed = config.nemo_version, nemo_version()
    if _release(made_by) > _release(installed):
        raise ModelError(
            f"{where} was made by NeMo {made_by}, which is newer than the one here, {installed}",
            f"update swictation; or {OTHER}",
        )
    return config


def unpack(
    path: Path, target: Path, progress: Progress, *, is_known: bool = False
) -> tuple[ModelFile, ...]:
    """Unpack what a Canary needs from the archive into the empty folder `target`.

    Args:
        path: the archive. It is only read.
        target: gets plain files; nothing in the archive can change that.
        progress: called on this thread, about once a megabyte.
        is_known: its bytes are those that were published. If not, the weights are compared to the
            checksums in them, which is the only way to find a wrong bit.

    Returns:
        The files, hashed while they were written.

    Raises:
        ModelError: it is not the archive of a Canary, or it is incomplete.
        OSError: the disk is full or cannot be written.
    """
    sizes = _needed(path)
    total_bytes = sum(sizes.values())
    if shutil.disk_usage(target).free < total_bytes:
        raise OSError(errno.ENOSPC, f"{total_bytes / 1e6:.0f} MB needed", str(target))
    files: list[ModelFile] = []
    done_bytes = 0

    def counted(pieces: Iterator[bytes]) -> Iterator[bytes]:
        nonlocal done_bytes
        for piece in pieces:
            yield piece
            done_bytes += len(piece)
            progress(done_bytes, total_bytes, f"unpacking {path.name}")

    with closing(tarball.members(path)) as members:
        for member in members:
            name = member.name.decode("ascii", "replace")
            if name in sizes:
                files.append(door.receive(counted(member.pieces()), target, name, sizes[name]))
    _check_weights(target / WEIGHTS, path, with_crc=not is_known)
    return tuple(files)


def nemo_version() -> str:
    """The version of the installed NeMo, or else of the one that the extra brings."""
    try:
        return metadata.version("nemo_toolkit")
    except metadata.PackageNotFoundError:
        return _PINNED_NEMO


def _needed(path: Path) -> dict[str, int]:
    """Return names and sizes of the members to unpack, each there once and not too large."""
    found: dict[str, int] = {}
    twice: set[str] = set()
    text = b""
    with closing(tarball.members(path)) as members:
        for member in members:
            name = member.name.decode("ascii", "replace")
            if not door.is_name(name):
                continue
            if name in found:
                twice.add(name)
            elif name == CONFIG and member.size_bytes <= model_config.MOST_BYTES:
                text = b"".join(member.pieces())
            found[name] = member.size_bytes
    if CONFIG not in found:
        raise ModelError(f"{path} holds no {CONFIG}: it is no NeMo model", OTHER)
    if found[CONFIG] > model_config.MOST_BYTES:
        raise ModelError(f"{CONFIG} of {path} is too large to be one", OTHER)
    limits = dict.fromkeys(check_config(text, path).files, _MOST_TOKENIZER_BYTES)
    limits |= {CONFIG: model_config.MOST_BYTES, WEIGHTS: _MOST_WEIGHTS_BYTES}
    for name, most_bytes in limits.items():
        if name not in found:
            what = "its weights are missing" if name == WEIGHTS else "which its tokenizer needs"
            raise ModelError(f"{path} holds no {name}: {what}", AGAIN)
        if name in twice:
            raise ModelError(f"{path} holds {name} twice, and does not say which one counts", OTHER)
        if found[name] > most_bytes:
            raise ModelError(f"{name} of {path} is too large to be one", OTHER)
    return {name: found[name] for name in limits}


def _check_weights(weights: Path, archive: Path, *, with_crc: bool) -> None:
    try:
        checkpoint.check(weights, with_crc=with_crc)
    except ValueError as error:
        raise ModelError(f"the weights in {archive} cannot be used: {error}", AGAIN) from error


def _check_tokenizer(folder: Path, name: str) -> None:
    path = folder / name
    if not path.is_file():
        raise ModelError(f"the model folder {folder} lacks {name} of its tokenizer", AGAIN)
    if path.stat().st_size > _MOST_TOKENIZER_BYTES:
        raise ModelError(f"{path} is too large for a tokenizer's file", OTHER)


def _release(version: str) -> tuple[int, int, int]:
    """The release's three numbers: "3.1.0rc0" counts as 3.1.0, an invalid version as 0."""
    match = re.match(r"(\d+)(?:\.(\d+))?(?:\.(\d+))?", version)
    first, second, third = match.groups(default="0") if match else ("0", "0", "0")
    return int(first), int(second), int(third)
