"""Taking a known model off this machine."""

import os
import shutil

from swictation.errors import ModelError
from swictation.models.locking import alone
from swictation.models.spec import ModelSpec
from swictation.models.staging import tree_bytes
from swictation.models.store import beside, folder_of


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
