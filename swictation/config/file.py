"""Reads a configuration file: bounded, without waiting, and only if nobody else may write it."""

import os
import shlex
import stat
from pathlib import Path

from swictation import paths
from swictation.config import owner
from swictation.errors import ConfigError

_MAX_BYTES = 64 * 1024
"""All settings with their comments take a quarter of it."""


def read(file: Path) -> str:
    """The text of a file.

    Raises:
        FileNotFoundError: there is none.
        ConfigError: it cannot be read, or should not be used.
    """
    try:
        raw = _read(file)
    except FileNotFoundError:
        raise
    except PermissionError as error:
        raise ConfigError(f"{file}: you may not read it", f"allow it: {_opened(file)}") from error
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror}") from error
    if len(raw) > _MAX_BYTES:
        raise ConfigError(f"{file}: above {_MAX_BYTES // 1024} KiB: not a configuration file")
    try:
        return raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{file}:{line}: not UTF-8 text", "save it as UTF-8") from error


def _read(file: Path) -> bytes:
    status = file.stat()
    if _is_null(status):
        return b""
    if stat.S_ISDIR(status.st_mode):
        raise ConfigError(f"{file}: a folder, not a file", _instead(file, "name the file itself"))
    if not stat.S_ISREG(status.st_mode):
        remedy = _instead(file, "write it to a file, and name that file")
        raise ConfigError(f"{file}: a pipe or a device, not a file", remedy)
    if fault := owner.fault(file):
        raise ConfigError(f"{fault.text}: the configuration is not used", fault.remedy)
    # A daemon reads it while it works: if it has become a pipe, do not wait for a writer.
    with os.fdopen(os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb") as stream:
        return stream.read(_MAX_BYTES + 1) or b""


def _instead(file: Path, other: str) -> str:
    """What to do where there is something else; `other`: where the user has named it."""
    if file != paths.config_file():
        return other
    name = shlex.quote(str(file))
    return f"put it elsewhere: mv {name} {name}.old"


def _opened(file: Path) -> str:
    """What lets the user read it: the outermost closed folder on its way, else the file."""
    closed = [it for it in file.absolute().parents if not os.access(it, os.X_OK)]
    place, right = (closed[-1], "x") if closed else (file, "r")
    sudo = "" if place.stat().st_uid == os.geteuid() else "sudo "
    return f"{sudo}chmod {'u' if not sudo else 'a'}+{right} {shlex.quote(str(place))}"


def _is_null(status: os.stat_result) -> bool:
    """Whether it is /dev/null, an empty file by another name."""
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == os.makedev(1, 3)
