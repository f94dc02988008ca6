"""Talks to the user's systemd through systemctl."""

import shlex
import shutil
import subprocess
from collections.abc import Mapping

from swictation.errors import ServiceError
from swictation.remedies import has_systemctl, this_program

_QUICK_S, _START_S = 10.0, 60.0


def systemctl(*words: str, timeout_s: float = _QUICK_S) -> str:
    """Run `systemctl --user` and return what it prints. Raises ServiceError if it fails."""
    done = _run("systemctl", "--user", "--no-ask-password", *words, timeout_s=timeout_s)
    if done.returncode:
        said = " ".join(done.stderr.split()) or f"exit code {done.returncode}"
        raise ServiceError(f"systemctl --user {words[0]} failed: {said}")
    return done.stdout


def slowly(*words: str) -> str:
    """Like `systemctl`, for commands that wait until the daemon has started or ended."""
    return systemctl(*words, timeout_s=_START_S)


def properties(unit: str, *names: str) -> Mapping[str, str]:
    """Properties of a unit, which need not exist; "" for an unknown one."""
    output = systemctl("show", unit, f"--property={','.join(names)}")
    known = dict(line.split("=", 1) for line in output.splitlines() if "=" in line)
    return {name: known.get(name, "") for name in names}


def unit_path() -> list[str]:
    """The folders in which systemd looks for units of this user."""
    return systemctl("show", "--property=UnitPath", "--value").split()


def need() -> None:
    """Raises ServiceError, with what to do instead, if the user has no systemd."""
    said = trouble()
    if said:
        words = shlex.join((*this_program(), "run"))
        raise ServiceError(said, f"instead, put this into your desktop's autostart: {words}")


def trouble() -> str:
    """Why the user's systemd cannot be used, or ""."""
    if not has_systemctl():
        return "There is no systemd on this machine."
    done = _run("systemctl", "--user", "show", "--property=Version")
    said = " ".join(done.stderr.split())
    return f"There is no systemd for this user: {said}." if done.returncode else ""


def reload_bus() -> None:
    """Make D-Bus read the new files; it usually notices by itself, so a failure is harmless."""
    if shutil.which("busctl"):
        name, path = "org.freedesktop.DBus", "/org/freedesktop/DBus"
        _run("busctl", "--user", "--timeout=5", "call", name, path, name, "ReloadConfig")


def _run(*command: str, timeout_s: float = _QUICK_S) -> "subprocess.CompletedProcess[str]":
    try:
        return subprocess.run(
            command, capture_output=True, text=True, timeout=timeout_s, check=False
        )
    except subprocess.TimeoutExpired as error:
        asked = " ".join(command[:3])
        raise ServiceError(f"{asked} did not answer within {timeout_s:.0f} s.") from error
    except OSError as error:
        raise ServiceError(f"{command[0]} cannot be run: {error.strerror}.") from error
