"""Calls the daemon, and says what is wrong when it is not there."""

import contextlib

from swictation import remedies
from swictation.config.load import load
from swictation.control.bus import client
from swictation.errors import ConfigError, NotRunning, ServiceError
from swictation.service import state


def call(
    method: str,
    signature: str = "",
    *body: object,
    activate: bool = False,
    limit_s: float | None = client.ANSWER_S,
) -> object:
    """As `control.client.call`.

    With `activate` the bus starts the daemon only where its service has not failed before: a
    failed one would keep the caller waiting, and fail once more.

    Raises:
        NotRunning: there is no daemon; for a service that failed, with what it failed of.
        NothingRecorded, ControlError: what the daemon said.
    """
    try:
        return client.call(method, signature, *body, limit_s=limit_s)
    except NotRunning as absent:
        if failure := _failure():
            raise failure from absent
        if not activate:
            raise
    return client.call(method, signature, *body, activate=True, limit_s=limit_s)


def _failure() -> NotRunning | None:
    """That the installed service failed, and why; None where it is well, or is not installed."""
    with contextlib.suppress(ServiceError):  # no systemd: no service
        now = state.read()
        if now.is_failing:
            return _because(now)
    return None


def _because(now: state.ServiceState) -> NotRunning:
    from swictation.asr.registry import PROVIDERS  # for a failed service alone, which is rare

    if now.has_no_program:
        what = "The service failed: its program is gone, or cannot be run where it was."
        return NotRunning(what, "swictation service install")
    try:
        load(None, PROVIDERS)
    except ConfigError as error:
        what = f"The service failed: {error.message}"
        if ": " in error.remedy:  # which a command ends
            return NotRunning(what, f"{error.remedy} && {remedies.restart()}")
        return NotRunning(what, remedies.noted(error.remedy, f"then: {remedies.restart()}"))
    again = remedies.noted(remedies.restart(), f"what it said: {remedies.read_log()}")
    return NotRunning(f"The service failed ({now.result}).", again)
