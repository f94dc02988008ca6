"""The session bus, which a hotkey uses, and the daemon that answers there."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import msgspec

from swictation import remedies
from swictation.build import was_updated_under
from swictation.control.bus.client import ask, open_bus
from swictation.control.bus.wire import session_address
from swictation.control.status import Status, decode
from swictation.doctor.finding import Finding, Subject
from swictation.errors import REMEDY_MARK, BusError, ControlError, NotRunning
from swictation.remedies import noted

_ANSWER_S = 2.0


def bus(_: Subject) -> Iterator[Finding]:
    """Check that there is a session bus, and that a daemon answers on it."""
    where = address()
    if not where:
        found = "there is none: without it, no hotkey and no notification works"
        remedy = "look in a terminal of your desktop; without a desktop: dbus-run-session bash"
        yield Finding("session bus", "warning", found, remedy)
        return
    try:
        daemon = asyncio.run(_daemon())
    except NotRunning as error:
        remedy = "log out and in again; in a shell that was kept: unset DBUS_SESSION_BUS_ADDRESS"
        yield Finding("session bus", "error", error.message, remedy)
        return
    yield Finding("session bus", "ok", where)
    yield daemon


def judge_status(status: Status) -> Finding:
    """The state that the daemon itself reports."""
    found = f"{status.state} (PID {status.pid})"
    remedy = ""
    if status.degraded:
        reason, _, remedy = status.degraded.reason.partition(REMEDY_MARK)
        found = f"{found}, {status.degraded.mode}: {reason}"
        remedy = remedy or "to see its state: swictation status"
    if status.held.texts:
        found = f"{found}, holds {status.held}: if it ends now, only the sound is kept"
        paste = noted("to type that: swictation paste-last", "or drop it: swictation cancel")
        remedy = noted(remedy, paste) if remedy else paste
    return Finding("daemon", "warning" if remedy else "ok", found, remedy)


def address() -> str:
    """The session bus's address; "" if there is none, not even a socket without a server."""
    try:
        address = session_address().split(",guid=")[0]
    except BusError:
        return ""
    socket = address.removeprefix("unix:path=")
    return "" if address != socket and not Path(socket).exists() else address


async def _daemon() -> Finding:
    """Ask the daemon for its state, without starting it. NotRunning: the bus is dead."""
    connection = await open_bus()
    try:
        async with asyncio.timeout(_ANSWER_S):
            answer = await ask(connection, "Status")
        status = decode(str(answer))
        finding = judge_status(status)
        if finding.level == "ok" and status.pid and was_updated_under(status.pid):
            found = f"{finding.found}, but swictation was updated while it ran"
            return Finding("daemon", "warning", found, remedies.restart())
        return finding
    except NotRunning:
        found = "not running: a hotkey has no effect"
        return Finding("daemon", "warning", found, remedies.start())
    except TimeoutError:
        return Finding("daemon", "error", f"no answer within {_ANSWER_S:.0f} s", remedies.restart())
    except (ControlError, msgspec.DecodeError) as error:
        found = f"a different version from this one: {error}"
        return Finding("daemon", "warning", found, remedies.restart())
    finally:
        await connection.close()
