"""What the driver says of a card's memory, asked by a process that can be killed."""

import subprocess
import sys
from pathlib import Path

import msgspec

from swictation.types import Trouble
from swictation.vram.ask_driver import Answer

LIMIT_S = 30.0
_GOOD_BYE_S = 1.0


def ask(
    gpu: str, root: Path = Path("/"), limit_s: float = LIMIT_S, *, with_cuda: bool = False
) -> Answer:
    """What the driver says, to a process that may hang or crash. A card that sleeps is left asleep.

    Args:
        gpu: "auto", an index, or a UUID.
        root: where `sys`, `proc` and `dev` are.
        limit_s: it is given up after so many seconds.
        with_cuda: whether CUDA is to be started, too.
    """
    # -P: an ask_driver.py in the working directory is not ours.
    command = [sys.executable, "-P", "-m", "swictation.models.helper"]
    command += ["swictation.vram.ask_driver", gpu, str(root), *(["cuda"] if with_cuda else [])]
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        told, _ = process.communicate(timeout=limit_s)
    except subprocess.TimeoutExpired:
        _abandon(process)
        return _failed("stuck", f"it does not answer within {limit_s:.0f} s")
    try:
        return msgspec.json.decode(told, type=Answer)
    except msgspec.DecodeError:
        return _failed("unknown", f"the process that asked it died, code {process.returncode}")


def _failed(trouble: Trouble, reason: str) -> Answer:
    return Answer(trouble, reason, 0.0, 0.0, None)


def _abandon(process: subprocess.Popen[bytes]) -> None:
    """Kill it; one that hangs in the kernel cannot even die, and is not waited for."""
    process.kill()
    try:
        process.wait(_GOOD_BYE_S)
    except subprocess.TimeoutExpired:
        process.returncode = -9  # nobody is to wait for it at exit
    if process.stdout:
        process.stdout.close()
