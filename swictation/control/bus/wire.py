"""What service and clients share: names, and errors as text on the bus."""

import os

from swictation.errors import BusError, ControlError, NothingRecorded, SwictationError

BUS_NAME = "io.github.swictation.Swictation1"
INTERFACE = BUS_NAME
PATH = "/io/github/swictation/Swictation1"

ERROR_NOTHING_RECORDED = "io.github.swictation.Error.NothingRecorded"
ERROR_FAILED = "io.github.swictation.Error.Failed"


_LOG_IN = "log in to a desktop, or dictate without a key: swictation run --listen"


def owner_changes(name: str) -> str:
    """The match rule for the signal that `name` has got another owner, or none."""
    bus = "org.freedesktop.DBus"
    return f"type='signal',sender='{bus}',interface='{bus}',member='NameOwnerChanged',arg0='{name}'"


def session_address() -> str:
    """The address of the session bus.

    Raises:
        BusError: the environment does not have it.
    """
    address = os.environ.get("DBUS_SESSION_BUS_ADDRESS")
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if address:
        return address
    if runtime:
        return f"unix:path={runtime}/bus"
    raise BusError(
        "There is no session bus: neither DBUS_SESSION_BUS_ADDRESS nor XDG_RUNTIME_DIR is set.",
        _LOG_IN,
    )


def without_bus(address: str) -> str:
    """What works where nothing answers at that address."""
    own = f"{os.environ.get('XDG_RUNTIME_DIR', '')}/bus"
    if os.path.exists(own) and own not in address:
        return "unset DBUS_SESSION_BUS_ADDRESS"
    return _LOG_IN


def system_address() -> str:
    """The address of the system bus."""
    return os.environ.get("DBUS_SYSTEM_BUS_ADDRESS") or "unix:path=/run/dbus/system_bus_socket"


def error_name(error: SwictationError) -> str:
    """The D-Bus name of an error."""
    return ERROR_NOTHING_RECORDED if isinstance(error, NothingRecorded) else ERROR_FAILED


def error_text(error: SwictationError) -> str:
    """The message, and on the next line the remedy if there is one."""
    return f"{error.message}\n{error.remedy}" if error.remedy else error.message


def error_from(name: str, text: str) -> ControlError:
    """The error that `error_name` and `error_text` encoded."""
    message, _, remedy = text.partition("\n")
    kind = NothingRecorded if name == ERROR_NOTHING_RECORDED else ControlError
    return kind(message, remedy)
