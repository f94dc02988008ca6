"""Asks the driver about a GPU's memory in a process that can be killed."""

from pathlib import Path

import msgspec

from swictation.gpu.nvml import subprocess_query
from swictation.gpu.nvml.query_main import Answer
from swictation.types import Trouble

LIMIT_S = 30.0
SOON_S = 10.0
"""The limit where the user waits for something else that needs the answer."""
NO_GPU = ("no-library", "no-driver", "no-device")
"""The troubles of a machine without a usable GPU."""


def ask(
    gpu: str, root: Path = Path("/"), limit_s: float = LIMIT_S, *, with_cuda: bool = False
) -> Answer:
    """Ask the driver, in a process that may hang or crash. A sleeping GPU is not woken.

    Args:
        gpu: "auto", an index, or a UUID.
        root: where `sys`, `proc` and `dev` are.
        limit_s: seconds until we give up.
        with_cuda: whether to start CUDA, too.
    """
    arguments = [gpu, str(root), *(["cuda"] if with_cuda else [])]
    try:
        output = subprocess_query.ask("swictation.gpu.nvml.query_main", *arguments, limit_s=limit_s)
        return msgspec.json.decode(output, type=Answer)
    except subprocess_query.QueryFailed as failed:
        if failed.code is None:
            return _failed("stuck", f"it does not answer within {limit_s:.0f} s")
        return _failed("unknown", f"the process that asked it died, code {failed.code}")
    except msgspec.DecodeError:
        return _failed("unknown", "its answer is cut off")


def _failed(trouble: Trouble, reason: str) -> Answer:
    return Answer(trouble, reason, 0.0, 0.0, None)
