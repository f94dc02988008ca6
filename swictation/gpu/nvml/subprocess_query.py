"""Runs a module in its own process, because a faulty driver may hang or crash it."""

import subprocess
import sys

_GOOD_BYE_S = 1.0


class QueryFailed(Exception):
    """No answer came. Never leaves the package.

    Attributes:
        code: the exit status of the process; None: it hangs.
    """

    def __init__(self, code: int | None) -> None:
        super().__init__(code)
        self.code = code


def command(module: str, *arguments: str) -> list[str]:
    """Build the command that runs a module in a process that dies with this one."""
    # -P: a module of that name in the working directory is not ours.
    return [sys.executable, "-P", "-m", "swictation.models.fetch.helper", module, *arguments]


def ask(module: str, *arguments: str, limit_s: float) -> bytes:
    """Return what `python -m MODULE ARGUMENT...` prints.

    Raises:
        QueryFailed: it printed nothing, or did not end within `limit_s`.
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
    """Kill the process. One that hangs in the kernel cannot die, so we do not wait for it."""
    process.kill()
    try:
        process.wait(_GOOD_BYE_S)
    except subprocess.TimeoutExpired:
        process.returncode = -9  # so that nothing waits for it at exit
    if process.stdout:
        process.stdout.close()
