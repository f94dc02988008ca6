"""The daemon from outside: the calls of the command line."""

import asyncio

from dbus_fast import DBusError, MessageFlag

from swictation import remedies
from swictation.control.bus.connection import FAILURES, Bus, Remote, connect
from swictation.control.bus.wire import (
    BUS_NAME,
    INTERFACE,
    PATH,
    error_from,
    session_address,
    without_bus,
)
from swictation.errors import BusError, ControlError, NotRunning

NOTIFICATIONS = "org.freedesktop.Notifications"
_QUICK_S = 2.0
ANSWER_S = 30.0
"""Time for an answer, including the daemon's start if the bus does that."""

_DAEMON = Remote(BUS_NAME, PATH, INTERFACE)
_ERRORS = "org.freedesktop.DBus.Error."
_ABSENT = {f"{_ERRORS}ServiceUnknown", f"{_ERRORS}NameHasNoOwner"}
_LEFT = {f"{_ERRORS}NoReply", f"{_ERRORS}Disconnected"}


def call(
    method: str,
    signature: str = "",
    *body: object,
    activate: bool = False,
    limit_s: float | None = ANSWER_S,
) -> object:
    """Call `method` of the daemon and wait for its answer.

    With `activate` the bus may start the daemon, if it knows how (an activation file).

    Raises:
        NotRunning: there is no daemon, or no bus.
        NothingRecorded, ControlError: what the daemon said.
    """
    return asyncio.run(_call(method, signature, body, activate=activate, limit_s=limit_s))


async def _call(
    method: str, signature: str, body: tuple[object, ...], *, activate: bool, limit_s: float | None
) -> object:
    bus = await open_bus()
    try:
        async with asyncio.timeout(limit_s):
            return await ask(bus, method, signature, *body, activate=activate)
    except TimeoutError as error:
        raise ControlError(
            f"The daemon did not answer within {limit_s:.0f} s.",
            remedies.restart(),
        ) from error
    finally:
        await bus.close()


def has_notifications() -> bool:
    """Whether a program shows notifications, or the bus would start one. Raises NotRunning."""
    return asyncio.run(_has_notifications())


async def _has_notifications() -> bool:
    bus = await open_bus()
    try:
        async with asyncio.timeout(_QUICK_S):
            known = [await bus.ask_bus(it) for it in ("ListNames", "ListActivatableNames")]
        return NOTIFICATIONS in str(known)
    finally:
        await bus.close()


async def open_bus() -> Bus:
    """A connection to the session bus.

    Raises:
        NotRunning: there is none.
    """
    try:
        address = session_address()
    except BusError as error:
        raise NotRunning(error.message, error.remedy) from error
    try:
        return await connect(address)
    except FAILURES as error:
        what = f"The daemon cannot be asked: nothing answers at the session bus, {address}."
        raise NotRunning(what, without_bus(address)) from error


async def ask(
    bus: Bus, method: str, signature: str = "", *body: object, activate: bool = False
) -> object:
    """Call `method` of the daemon over `bus`; raises as `call` does."""
    flags = MessageFlag.NONE if activate else MessageFlag.NO_AUTOSTART
    try:
        answer = (await bus.reply(_DAEMON, method, signature, *body, flags=flags)).body
    except DBusError as error:
        raise _read(error) from error
    except (EOFError, OSError) as error:
        raise NotRunning(
            "The session bus ended before the daemon answered.", remedies.start()
        ) from error
    return answer[0] if answer else None


def other_version() -> ControlError:
    """The error for an answer that this version does not expect."""
    return ControlError("The running daemon is of another version.", remedies.restart())


def _read(error: DBusError) -> ControlError:
    if error.type in _ABSENT:
        return NotRunning("The daemon is not running.", remedies.start())
    if error.type in _LEFT:
        return NotRunning("The daemon ended before it answered.", remedies.start())
    if error.type.startswith(f"{_ERRORS}Spawn."):
        return NotRunning(
            "The daemon is not running, and the bus could not start it.",
            remedies.read_log(),
        )
    return error_from(error.type, error.text)
