"""Asking in a process of its own: a driver in trouble hangs, or takes the process with it."""

import subprocess
import sys

_GOOD_BYE_S = 1.0


class QueryFailed(Exception):
    """No answer came. Never leaves the package.

    Attributes:
        code: the status with which the process ended; None: it hangs.
    """

    def __init__(self, code: int | None) -> None:
        super().__init__(code)
        self.code = code


def command(module: str, *arguments: str) -> list[str]:
    """Runs a module in a process that dies with this one."""
    # -P: a module of that name in the working directory is not ours.
    return [sys.executable, "-P", "-m", "swictation.models.fetch.helper", module, *arguments]


def ask(module: str, *arguments: str, limit_s: float) -> bytes:
    """What `python -m MODULE ARGUMENT...` prints.

    Raises:
        Apart: nothing, or it did not end within `limit_s`.
    """
    process = subprocess.Popen(
        command(module, *arguments),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        output, _ = process.communicate(timeout=limit_s)
    except subprocess.TimeoutExpired:
        _abandon(process)
        raise QueryFailed(None) from None
    if not output:
        raise QueryFailed(process.returncode)
    return output


def _abandon(process: subprocess.Popen[bytes]) -> None:
    """Kill it; one that hangs in the kernel cannot even die, and is not waited for."""
    process.kill()
    try:
        process.wait(_GOOD_BYE_S)
    except subprocess.TimeoutExpired:
        process.returncode = -9  # nobody is to wait for it at exit
    if process.stdout:
        process.stdout.close()
