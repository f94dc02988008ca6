"""Checks the disk space for models and spool, and whether their folders can be written."""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from shlex import quote

from swictation.doctor.finding import Finding, Subject
from swictation.doctor.model import wanted
from swictation.paths import models_dir, spool_dir
from swictation.types import SAMPLE_RATE_HZ

_BYTES_PER_MINUTE = 60 * 2 * SAMPLE_RATE_HZ
_DOWNLOAD_FACTOR = 3
"""A download needs room for the files, the archives they come in, and a copy of those."""

_FULL = {os.strerror(number).lower() for number in (errno.ENOSPC, errno.EDQUOT)}


def models(subject: Subject) -> Iterator[Finding]:
    """Check the space for the model, if it is not downloaded yet."""
    spec = wanted(subject.settings) if subject.model is None else None
    needed = _DOWNLOAD_FACTOR * spec.size_bytes if spec else 0
    free, fault = probe(models_dir())
    yield judge("models disk", models_dir(), free, fault, needed, _free_some(models_dir()))


def spool(subject: Subject) -> Iterator[Finding]:
    """Check the space for as much sound as `[spool] max_minutes` allows."""
    settings = subject.settings.spool
    if not settings.enabled:
        found = "[spool] enabled = false: sound is kept in memory only"
        yield Finding("spool disk", "ok", found)
        return
    free, fault = probe(spool_dir())
    needed = round(settings.max_minutes * _BYTES_PER_MINUTE)
    fitting = free // _BYTES_PER_MINUTE
    remedy = _free_some(spool_dir())
    if fitting:
        remedy += f", or set [spool] max_minutes = {fitting}"
    yield judge("spool disk", spool_dir(), free, fault, needed, remedy)


def judge(name: str, folder: Path, free: int, fault: str, needed: int, remedy: str) -> Finding:
    """Compare `free` bytes with those needed; a folder that cannot be written is an error."""
    if fault:
        if fault not in _FULL:
            remedy = f"make it writable: ls -ld {quote(str(nearest(folder)))}"
        return Finding(name, "error", f"{folder} cannot be written: {fault}", remedy)
    found = f"{free / 1e6:.0f} MB free in {folder}"
    if free < needed:
        return Finding(name, "warning", f"{found}, {needed / 1e6:.0f} MB needed", remedy)
    return Finding(name, "ok", found)


def probe(folder: Path) -> tuple[int, str]:
    """Bytes free where `folder` is or would be, and why nothing can be written there, or "".

    Tested with a file that never has a name: modes and mount flags do not show quotas, full disks
    or root. Nothing is left behind.
    """
    place = nearest(folder)
    try:
        with tempfile.TemporaryFile(dir=place) as file:
            file.write(bytes(4096))
            file.flush()
        return shutil.disk_usage(place).free, ""
    except OSError as error:
        return 0, (error.strerror or str(error)).lower()


def nearest(folder: Path) -> Path:
    """`folder` itself, or the closest of its parents that exists."""
    return next(path for path in (folder, *folder.parents) if os.path.lexists(path))


def _free_some(folder: Path) -> str:
    return f"free some room: df -h {quote(str(nearest(folder)))}"
