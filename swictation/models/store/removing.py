"""Removes what was fetched or unpacked. Never removes a file of the user's own."""

import os
import shutil
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from swictation.asr.model_spec import ModelSpec
from swictation.errors import ModelError
from swictation.models.fetch.staging import tree_bytes
from swictation.models.store import hashes, nemo_cache
from swictation.models.store.locking import exclusive_lock
from swictation.models.store.store import beside, folder_of


def remove(spec: ModelSpec) -> int:
    """Remove the model and what an interrupted download left; returns the bytes freed.

    A daemon that has loaded the model keeps it until the next load.

    Raises:
        ModelError: it is not there, it is being downloaded, or it cannot be removed.
    """
    what = f"the model {spec.name}"
    left = [beside(spec, "old"), beside(spec, "partial"), folder_of(spec)]
    left = [it for it in left if os.path.isdir(it)]
    if not left:
        raise ModelError(f"{what} is not on this machine: nothing to remove")
    with _removing(what, "downloaded", folder_of(spec)), exclusive_lock(beside(spec, "lock"), None):
        return sum(map(_remove, left))


def remove_unpacked(path: Path) -> int:
    """Remove all that was unpacked from the user's archive, not the archive; returns bytes freed.

    The archive may be gone by now, or may have changed.

    Raises:
        ModelError: nothing is there, it is in use, or it cannot be removed.
    """
    what = f"the unpacked copy of the model {path}"
    if not nemo_cache.copies_of(path):
        raise ModelError(f"nothing is unpacked of the model {path}: nothing to remove")
    lock = nemo_cache.lock_of(path)
    with _removing(what, "unpacked", lock), ExitStack() as locks:
        locks.enter_context(exclusive_lock(lock, None))
        copies = nemo_cache.copies_of(path)
        for it in copies:
            if not it.name.startswith("."):  # `model convert` holds this one
                locks.enter_context(exclusive_lock(it.with_name(f".{it.name}.lock"), None))
        return sum(map(_remove, copies))


@contextmanager
def _removing(what: str, made: str, place: Path) -> Generator[None, None, None]:
    try:
        yield
    except BlockingIOError as error:
        raise ModelError(
            f"{what} cannot be removed now: the model is being {made} or converted",
            "wait until that has ended, then try again",
        ) from error
    except OSError as error:
        raise ModelError(
            f"{what} cannot be removed: {error.strerror or error}",
            f"make {place.parent} writable, then try again",
        ) from error


def _remove(folder: Path) -> int:
    """Remove a folder, renamed first so that a part never looks whole; returns bytes freed."""
    freed_bytes = tree_bytes(folder)
    hashes.forget(folder)
    if not folder.name.startswith("."):
        hidden = folder.with_name(f".{folder.name}.old")
        shutil.rmtree(hidden, ignore_errors=True)
        folder = folder.rename(hidden)
    shutil.rmtree(folder)
    return freed_bytes
