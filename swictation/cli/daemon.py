"""Calls the daemon, and says what is wrong if it does not run."""

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
    """As `control.bus.client.call`.

    With `activate` the bus starts the daemon, unless its service has failed before: that would
    keep the caller waiting, and fail again.

    Raises:
        NotRunning: there is no daemon; if its service failed, the error says why.
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
    """The error for an installed service that failed, with the reason; None otherwise."""
    with contextlib.suppress(ServiceError):  # no systemd: no service
        now = state.read()
        if now.is_failing:
            return _because(now)
    return None


def _because(now: state.ServiceState) -> NotRunning:
    from swictation.asr.registry import PROVIDERS  # only for a failed service, which is rare

    if now.has_no_program:
        what = "The service failed: its program is gone, or cannot be run where it was."
        return NotRunning(what, "swictation service install")
    try:
        load(None, PROVIDERS)
    except ConfigError as error:
        what = f"The service failed: {error.message}"
        if "type: " in error.remedy:  # a command is at its end
            return NotRunning(what, f"{error.remedy} && {remedies.RESTART_FAILED}")
        remedy = remedies.noted(error.remedy, f"then: {remedies.RESTART_FAILED}")
        return NotRunning(what, remedy)
    why = f"to see why it failed: {remedies.READ_LOG}"
    again = remedies.noted(remedies.RESTART_FAILED, why)
    return NotRunning(f"The service failed ({now.result}).", again)
