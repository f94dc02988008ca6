"""Taking off this machine what was fetched, or unpacked. Never a file of the user's own."""

import os
import shutil
from contextlib import ExitStack
from pathlib import Path

from swictation.asr.model_spec import ModelSpec
from swictation.errors import ModelError
from swictation.models.fetch.staging import tree_bytes
from swictation.models.store import hashes, nemo_cache
from swictation.models.store.locking import alone
from swictation.models.store.store import beside, folder_of


def remove(spec: ModelSpec) -> int:
    """Remove the model and what a broken download left of it; the bytes that this has freed.

    A daemon that has it loaded keeps it until it is loaded anew.

    Raises:
        ModelError: it is not there, it is being downloaded, or it cannot be removed.
    """
    folder = folder_of(spec)
    left = [folder, beside(spec, "partial"), beside(spec, "old")]
    if not any(os.path.isdir(it) for it in left):
        raise ModelError(f"the model {spec.name} is not on this machine: nothing to remove")
    try:
        with alone(beside(spec, "lock"), None):
            freed_bytes = sum(tree_bytes(it) for it in left)
            if os.path.isdir(folder):
                shutil.rmtree(beside(spec, "old"), ignore_errors=True)
                folder.rename(beside(spec, "old"))  # from now on it is not there
            for it in left:
                if os.path.isdir(it):
                    shutil.rmtree(it)
            hashes.forget(folder)
    except BlockingIOError as error:
        raise ModelError(
            f"the model {spec.name} is being downloaded or converted",
            "wait for its end, then the same again",
        ) from error
    except OSError as error:
        raise ModelError(
            f"the model {spec.name} in {folder} cannot be removed: {error.strerror or error}",
            f"make {folder.parent} writable, then the same again",
        ) from error
    return freed_bytes


def remove_unpacked(path: Path) -> int:
    """Remove all that was unpacked of the user's archive, and keep that; the bytes freed.

    The archive may be gone by now, or another than it was.

    Raises:
        ModelError: nothing is there, it is in use, or it cannot be removed.
    """
    if not nemo_cache.copies_of(path):
        raise ModelError(f"nothing is unpacked of the model {path}: nothing to remove")
    try:
        with ExitStack() as locks:
            locks.enter_context(alone(nemo_cache.lock_of(path), None))
            copies = nemo_cache.copies_of(path)
            for it in copies:
                if not it.name.startswith("."):  # `model convert` holds this one
                    locks.enter_context(alone(it.with_name(f".{it.name}.lock"), None))
            freed_bytes = sum(tree_bytes(it) for it in copies)
            for it in copies:
                _remove_copy(it)
    except BlockingIOError as error:
        raise ModelError(
            f"the model {path} is being unpacked or converted",
            "wait for its end, then the same again",
        ) from error
    except OSError as error:
        raise ModelError(
            f"what was unpacked of the model {path} cannot be removed: {error.strerror or error}",
            f"make {nemo_cache.lock_of(path).parent} writable, then the same again",
        ) from error
    return freed_bytes


def _remove_copy(folder: Path) -> None:
    """Under another name first: a half removed model must not look whole."""
    hashes.forget(folder)
    if not folder.name.startswith("."):
        folder = folder.rename(folder.with_name(f".{folder.name}.old"))
    shutil.rmtree(folder)
