"""NeMo's archives, `.nemo`: a tar of a configuration, weights and the files of a tokenizer.

They are looked at and taken apart here without NeMo or torch. Whatever is wrong with one is told in
a line, before anything large is written.
"""

import errno
import gzip
import hashlib
import lzma
import re
import shutil
import tarfile
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import Any, cast

from swictation.errors import ModelError
from swictation.models.spec import ModelFile
from swictation.models.staging import Progress

CONFIG, WEIGHTS = "model_config.yaml", "model_weights.ckpt"
CLASS = "EncDecMultiTaskModel"
"""The one class of NeMo that the engine loads: all Canaries are of it."""

_PINNED_NEMO = "3.0.0"
_UNUSED = "timestamps_asr_model"
"""A second model in canary-1b-v2, 2.5 GB for the times of words: never loaded, so not unpacked."""
_LARGEST_CONFIG_BYTES = 64 << 20
_COPY_BYTES = 1 << 20
_OTHER = "take another model: swictation model list"
_AGAIN = "fetch or copy that file anew"
_PROMPT = "spl_tokens"
"""Among the tokenizers of the languages: the one of the prompt."""


def check_folder(folder: Path) -> tuple[str, ...]:
    """Raise ModelError unless the folder holds what the archive of a Canary holds.

    Returns:
        The languages that the model understands, as `check_config` has them.
    """
    missing = [name for name in (CONFIG, WEIGHTS) if not (folder / name).is_file()]
    if missing:
        raise ModelError(
            f"the model folder {folder} lacks {' and '.join(missing)}",
            "put what the .nemo of a Canary holds there, or give the .nemo itself as [asr] model",
        )
    return check_config((folder / CONFIG).read_bytes(), folder)


def check_config(text: bytes, where: Path) -> tuple[str, ...]:
    """Raise ModelError unless it is the configuration of a Canary that this NeMo can load.

    Returns:
        The languages that have a tokenizer of their own, sorted; () where one tokenizer serves
        all: only the loaded model can tell then.
    """
    import yaml  # the daemon, which looks for models, has no use for it as a rule

    try:
        told: Any = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError as error:
        raise ModelError(f"{CONFIG} of {where} is no YAML", _AGAIN) from error
    config = cast("dict[str, object]", told) if isinstance(told, dict) else {}
    target = str(config.get("target", ""))
    if target.rpartition(".")[2] != CLASS:
        what = f"of the class {target.rpartition('.')[2]}" if target else "of no class"
        raise ModelError(f"{where} is a model {what}, not {CLASS}: it is no Canary", _OTHER)
    made_by, have = str(config.get("nemo_version") or ""), nemo_version()
    if _release(made_by) > _release(have):
        raise ModelError(
            f"{where} was made by NeMo {made_by}, which is newer than the {have} that loads it",
            f"update swictation; or {_OTHER}",
        )
    return _languages(config)


def _languages(config: dict[str, object]) -> tuple[str, ...]:
    told = config.get("tokenizer")
    tokenizer = cast("dict[str, object]", told) if isinstance(told, dict) else {}
    tables = tokenizer.get("langs")
    names = map(str, cast("dict[object, object]", tables)) if isinstance(tables, dict) else ()
    return tuple(sorted(name for name in names if name != _PROMPT))


def unpack(path: Path, target: Path, progress: Progress) -> tuple[ModelFile, ...]:
    """Take the archive apart into the empty folder `target`, hashing on the way.

    Args:
        path: the archive. It is only read.
        target: gets plain files, all below it; nothing that the archive says can change that.
        progress: called on this thread, about each megabyte.

    Raises:
        ModelError: it is not the archive of a Canary, or not a whole one.
        OSError: the disk is full or cannot be written.
    """
    with _told(path), tarfile.open(path) as archive:
        members = _members(archive, path, target)
        _check_members(archive, members, path)
        total_bytes = sum(member.size for _, member in members)
        if shutil.disk_usage(target).free < total_bytes:
            raise OSError(errno.ENOSPC, f"{total_bytes / 1e6:.0f} MB needed", str(target))
        done_bytes, files = 0, list[ModelFile]()
        for name, member in members:
            digest = hashlib.sha256()
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            with (target / name).open("xb") as sink:
                for piece in _pieces(archive, member):
                    sink.write(piece)
                    digest.update(piece)
                    done_bytes += len(piece)
                    progress(done_bytes, total_bytes, f"unpacking {path.name}")
            files.append(ModelFile(name, member.size, digest.hexdigest()))
    return tuple(files)


def nemo_version() -> str:
    """The version of NeMo that is installed, or else the one that the extra brings."""
    try:
        return metadata.version("nemo_toolkit")
    except metadata.PackageNotFoundError:
        return _PINNED_NEMO


@contextmanager
def _told(path: Path) -> Generator[None, None, None]:
    """What tarfile says of a broken archive, in words for a person."""
    try:
        yield
    except tarfile.FilterError as error:
        raise ModelError(f"{path} would write outside its folder: {error}", _OTHER) from error
    except (tarfile.ReadError, EOFError) as error:
        if _is_tar(path):
            raise ModelError(f"{path} is truncated or damaged", _AGAIN) from error
        size = path.stat().st_size
        what = "is no NeMo archive: not a tar" if size else "is empty"
        raise ModelError(f"{path} {what}", _AGAIN) from error
    except (tarfile.TarError, zlib.error, lzma.LZMAError, gzip.BadGzipFile) as error:
        raise ModelError(f"{path} is damaged: {error}", _AGAIN) from error


def _is_tar(path: Path) -> bool:
    with path.open("rb") as stream:
        head = stream.read(512)
    return head[:2] == b"\x1f\x8b" or head[257:262] == b"ustar"


def _members(
    archive: tarfile.TarFile, path: Path, target: Path
) -> list[tuple[str, tarfile.TarInfo]]:
    """The files to write, by their names below the target. Links and devices are refused."""
    found: dict[str, tarfile.TarInfo] = {}
    for member in archive.getmembers():
        name = str(PurePosixPath(member.name))
        if member.isdir() or PurePosixPath(name).name.startswith(_UNUSED):
            continue
        if not member.isfile():
            raise ModelError(f"{path} holds {name}, which is no plain file", _OTHER)
        tarfile.data_filter(member, str(target))
        found[name] = member
    return list(found.items())


def _check_members(
    archive: tarfile.TarFile, members: list[tuple[str, tarfile.TarInfo]], path: Path
) -> None:
    by_name = dict(members)
    if CONFIG not in by_name:
        raise ModelError(f"{path} holds no {CONFIG}: it is no NeMo model", _OTHER)
    if by_name[CONFIG].size > _LARGEST_CONFIG_BYTES:
        raise ModelError(f"{CONFIG} of {path} is too large to be one", _OTHER)
    check_config(b"".join(_pieces(archive, by_name[CONFIG])), path)
    if WEIGHTS not in by_name:
        raise ModelError(f"{path} holds no {WEIGHTS}: its weights are missing", _AGAIN)


def _pieces(archive: tarfile.TarFile, member: tarfile.TarInfo) -> Iterator[bytes]:
    stream = archive.extractfile(member)
    left_bytes = member.size
    while stream and left_bytes:
        piece = stream.read(min(_COPY_BYTES, left_bytes))
        if not piece:
            raise tarfile.ReadError("unexpected end of data")
        left_bytes -= len(piece)
        yield piece


def _release(version: str) -> tuple[int, int, int]:
    """The release's three numbers: "3.1.0rc0" counts as 3.1.0; what is no version as 0."""
    match = re.match(r"(\d+)(?:\.(\d+))?(?:\.(\d+))?", version)
    first, second, third = match.groups(default="0") if match else ("0", "0", "0")
    return int(first), int(second), int(third)
