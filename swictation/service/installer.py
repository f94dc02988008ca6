"""Installs the service, and removes all of it."""

import contextlib
import os
from pathlib import Path
from shlex import quote

import msgspec

from swictation.build import was_updated_under
from swictation.errors import ServiceError
from swictation.remedies import READ_LOG, this_program
from swictation.service import files, state
from swictation.service.other import how_to_end, other_daemon
from swictation.service.systemctl import need, properties, reload_bus, slowly, systemctl, unit_path

DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY")
DESKTOP_VARIABLES = (
    *DISPLAYS,
    "XAUTHORITY",
    "XDG_CURRENT_DESKTOP",
    "XDG_SESSION_TYPE",
    "SWAYSOCK",
    "I3SOCK",
    "HYPRLAND_INSTANCE_SIGNATURE",
)
"""What the daemon needs to find a desktop's windows and to name the desktop."""


class Installed(msgspec.Struct, frozen=True):
    """What `install` did."""

    written: tuple[Path, ...]
    """Files that it changed; none if it was installed already."""
    target: str
    imported: tuple[str, ...]
    """This desktop's variables that systemd now knows."""
    is_restarted: bool = False
    """It was running, with files or code that have changed."""


def install(*, start: bool) -> Installed:
    """Write both files, enable the unit, and start it; a second call changes nothing.

    A running daemon is restarted if its files have changed, or its code was updated.

    Raises ServiceError: no systemd, another daemon that runs, files that cannot be written, or a
    daemon that does not start. What was done by then is kept, for inspection.
    """
    need()
    if start:
        _need_no_other()
    target = _target()
    program = this_program()
    wanted = {
        files.unit_file(): files.unit(program, target),
        files.activation_file(): files.activation(program),
    }
    written = tuple(path for path, text in wanted.items() if _write(path, text))
    imported = _import_desktop()
    systemctl("daemon-reload")
    reload_bus()
    _need_loaded()
    # Again: the target may differ from last time.
    systemctl("reenable", files.UNIT)
    now = state.read()
    is_restarted = now.is_active and (bool(written) or was_updated_under(now.pid))
    if start:
        _start("restart" if is_restarted else "start")
    return Installed(written, target, imported, start and is_restarted)


def remove() -> tuple[Path, ...]:
    """Stop and disable the service, and delete its files; returns them. Raises ServiceError."""
    need()
    if state.read().is_installed:
        slowly("disable", "--now", files.UNIT)
    gone = tuple(path for path in (files.unit_file(), files.activation_file()) if _delete(path))
    systemctl("daemon-reload")
    _forget_failure()
    reload_bus()
    return gone


def _need_no_other() -> None:
    """Check that no daemon runs outside the service: a second one would end at once."""
    if pid := other_daemon(state.read().pid):
        message = f"swictation already runs outside the service (process {pid})."
        raise ServiceError(message, f"{how_to_end(pid)}, then: swictation service install")


def _forget_failure() -> None:
    """A remembered failure forbids a start, and would keep the unit's name in the lists."""
    with contextlib.suppress(ServiceError):
        systemctl("reset-failed", files.UNIT)


def _target() -> str:
    is_there = state.target_is_active(files.DESKTOP_TARGET)
    return files.DESKTOP_TARGET if is_there else files.LOGIN_TARGET


def _write(path: Path, text: str) -> bool:
    """Write the file, whole or not at all; returns whether it had changed."""
    try:
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.new")
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        where = quote(str(path.parent))
        message = f"{path} cannot be written: {(error.strerror or str(error)).lower()}."
        raise ServiceError(message, f"make it writable: ls -ld {where}") from error
    return True


def _delete(path: Path) -> bool:
    """Delete the file, and folders that are empty then; returns whether there was one."""
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        message = f"{path} cannot be removed: {(error.strerror or str(error)).lower()}."
        raise ServiceError(message, f"rm {quote(str(path))}") from error
    with contextlib.suppress(OSError):
        for folder in path.parents[:2]:
            folder.rmdir()
    return True


def _import_desktop() -> tuple[str, ...]:
    present = tuple(name for name in DESKTOP_VARIABLES if os.environ.get(name))
    if present:
        systemctl("import-environment", *present)
    return present


def _need_loaded() -> None:
    """Check that systemd sees the unit: its folders may differ from the shell's."""
    found = properties(files.UNIT, "LoadState", "FragmentPath", "LoadError")
    own = str(files.unit_file())
    if found["FragmentPath"] == own and found["LoadState"] == "loaded":
        return
    if found["LoadState"] == "masked":
        message = "The unit is masked, so that it cannot start."
        raise ServiceError(message, f"systemctl --user unmask {files.UNIT}")
    if str(files.unit_file().parent) in unit_path():
        message = f"systemd does not accept {own}: {found['LoadError'] or found['LoadState']}."
        raise ServiceError(message, f"systemd-analyze --user verify {quote(own)}")
    message = f"systemd does not look for units in {files.unit_file().parent}."
    remedy = "set XDG_CONFIG_HOME as it was when you logged in, or unset it; then install again"
    raise ServiceError(message, remedy)


def _start(verb: str) -> None:
    """Start and wait for READY=1."""
    _forget_failure()
    try:
        slowly(verb, files.UNIT)
    except ServiceError as error:
        why = state.read().result
        message = f"The service is installed, but the daemon did not start ({why})."
        raise ServiceError(message, f"to see why: {READ_LOG}") from error
