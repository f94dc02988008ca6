"""Checks the systemd user service, if there is one."""

from collections.abc import Iterator

from swictation.doctor.finding import Finding, Subject
from swictation.remedies import READ_LOG, RESTART_FAILED, this_program, typeable
from swictation.service import files, state
from swictation.service.other import how_to_end, other_daemon
from swictation.service.state import ServiceState
from swictation.service.systemctl import trouble

_INSTALL = "swictation service install"


def service(_: Subject) -> Iterator[Finding]:
    """Check that the unit is installed, enabled and working. Having none is fine."""
    if trouble():
        found = "no systemd for this user: let your desktop start the daemon with: "
        found += typeable("swictation run", anywhere=True)
        yield Finding("service", "ok", found)
        return
    now = state.read()
    yield judge(now, is_current=_is_current(), other=other_daemon(now.pid))


def judge(now: ServiceState, *, is_current: bool, other: str = "") -> Finding:
    """Compare the unit's state with what it should be. `other`: a daemon's process outside it."""
    if not now.is_installed:
        found = f"not installed; {typeable(_INSTALL)} starts it with your session"
        return Finding("service", "ok", found)
    if now.has_no_program:
        found = f"the program that {now.path} names is gone, or cannot be run"
        return Finding("service", "error", found, _INSTALL)
    if now.is_failing and other:
        found = f"it cannot start while another daemon runs outside it (process {other})"
        return Finding("service", "error", found, f"{how_to_end(other)}, then: {RESTART_FAILED}")
    if now.is_failing:
        found = f"the daemon ends by itself: {now.result}"
        return Finding("service", "error", found, f"to see why: {READ_LOG}")
    if not is_current:
        found = f"{now.path} is not what this version would write"
        return Finding("service", "warning", found, _INSTALL)
    if not now.is_enabled:
        found = f"installed, but {now.enabled or 'not enabled'}: it does not start by itself"
        return Finding("service", "warning", found, _INSTALL)
    return Finding("service", "ok", f"{now.active}, starts with {now.target}")


def _is_current() -> bool:
    """Whether a user's own unit starts this program; others are not checked."""
    try:
        text = files.unit_file().read_text(encoding="utf-8")
    except OSError:
        return True
    program = this_program()
    targets = (files.DESKTOP_TARGET, files.LOGIN_TARGET)
    return text in [files.unit(program, target) for target in targets]
