"""The object on the bus as dbus-fast exports it: methods, properties, signals, introspection.

Its public form is docs/dbus.md. It only forwards.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Generator
from typing import Annotated

import msgspec
from dbus_fast import DBusError, PropertyAccess
from dbus_fast.annotations import DBusBool, DBusSignature, DBusStr, DBusUInt32
from dbus_fast.service import ServiceInterface, dbus_method, dbus_property, dbus_signal

from swictation.control.bus.subscribers import CALLER, Subscribers
from swictation.control.bus.wire import ERROR_FAILED, INTERFACE, error_name, error_text
from swictation.control.status import Status, encode
from swictation.errors import SwictationError

_log = logging.getLogger(__name__)

_Text = Annotated[tuple[int, str], DBusSignature("us")]


class Controls(msgspec.Struct, frozen=True, kw_only=True):
    """What the daemon lets others do. Called on the run loop's thread, and must not block it."""

    toggle: Callable[[], str]
    """Starts or stops; returns the state that follows, like the next three."""
    start: Callable[[], str]
    stop: Callable[[], str]
    cancel: Callable[[], str]
    """Stops, and drops what is not typed yet."""
    capture: Callable[[], Awaitable[str]]
    """One utterance, which is not typed. Cancelled if the caller leaves.

    Raises NothingRecorded: there was no speech.
    """
    paste_last: Callable[[], Awaitable[int]]
    """Types the held texts, else the last one; returns how many were typed.

    Raises SwictationError: it could not be typed.
    """
    retry: Callable[[], Awaitable[int]]
    """Retries the quarantined utterances; returns the number of texts, which are held.

    Raises SwictationError: nothing is quarantined, or no try worked.
    """
    reset_card: Callable[[], str]
    """Forgets what keeps the engine off the GPU; returns where requests go from now on.

    Raises SwictationError: no engine is configured for a GPU.
    """
    status: Callable[[], Status]
    subscribers_changed: Callable[[int], None]
    """Called with the number of clients that want the text of partials and commits now."""


@contextlib.contextmanager
def _as_dbus_errors() -> Generator[None]:
    """Turn errors into D-Bus errors; a bug is logged, and its type sent."""
    try:
        yield
    except SwictationError as error:
        raise DBusError(error_name(error), error_text(error)) from error
    except asyncio.CancelledError as error:
        raise DBusError(ERROR_FAILED, "It was cancelled.") from error
    except Exception as error:
        _log.exception("a call from the bus failed")
        what = f"Something unexpected went wrong: {type(error).__name__}."
        raise DBusError(ERROR_FAILED, what) from error


class Interface(ServiceInterface):
    """One connection's object; a new bus gets a new one."""

    def __init__(self, controls: Controls, subscribers: Subscribers) -> None:
        super().__init__(INTERFACE)
        self._controls = controls
        self._subscribers = subscribers

    @dbus_method(name="Toggle")
    def toggle(self) -> DBusStr:
        with _as_dbus_errors():
            return self._controls.toggle()

    @dbus_method(name="Start")
    def start(self) -> DBusStr:
        with _as_dbus_errors():
            return self._controls.start()

    @dbus_method(name="Stop")
    def stop(self) -> DBusStr:
        with _as_dbus_errors():
            return self._controls.stop()

    @dbus_method(name="Cancel")
    def cancel(self) -> DBusStr:
        with _as_dbus_errors():
            return self._controls.cancel()

    @dbus_method(name="Capture")
    async def capture(self) -> DBusStr:
        with _as_dbus_errors(), self._subscribers.cared_for():
            return await self._controls.capture()

    @dbus_method(name="Status")
    def status(self) -> DBusStr:
        with _as_dbus_errors():
            return encode(self._controls.status())

    @dbus_method(name="PasteLast")
    async def paste_last(self) -> DBusUInt32:
        with _as_dbus_errors():
            return await self._controls.paste_last()

    @dbus_method(name="Retry")
    async def retry(self) -> DBusUInt32:
        with _as_dbus_errors(), self._subscribers.cared_for():
            return await self._controls.retry()

    @dbus_method(name="ResetCard")
    def reset_card(self) -> DBusStr:
        with _as_dbus_errors():
            return self._controls.reset_card()

    @dbus_method(name="Subscribe")
    def subscribe(self, include_text: DBusBool) -> None:
        with _as_dbus_errors():
            self._subscribers.subscribe(CALLER.get(), include_text)

    @dbus_method(name="Unsubscribe")
    def unsubscribe(self) -> None:
        with _as_dbus_errors():
            self._subscribers.unsubscribe(CALLER.get())

    @dbus_property(access=PropertyAccess.READ, name="State")
    def state(self) -> DBusStr:
        return properties(self._controls.status())["State"]

    @dbus_property(access=PropertyAccess.READ, name="Device")
    def device(self) -> DBusStr:
        return properties(self._controls.status())["Device"]

    @dbus_property(access=PropertyAccess.READ, name="Degraded")
    def degraded(self) -> DBusStr:
        return properties(self._controls.status())["Degraded"]

    @dbus_property(access=PropertyAccess.READ, name="LastError")
    def last_error(self) -> DBusStr:
        return properties(self._controls.status())["LastError"]

    # Signals are only described here. `Subscribers` sends them: dbus-fast's own way raises if the
    # bus dies, and cannot send to a single peer.

    @dbus_signal(name="StatusChanged")
    def status_changed(self) -> None: ...

    @dbus_signal(name="Partial")
    def partial(self) -> _Text:
        raise NotImplementedError

    @dbus_signal(name="Committed")
    def committed(self) -> _Text:
        raise NotImplementedError


def properties(status: Status) -> dict[str, str]:
    """The properties of the object now."""
    degraded = status.degraded
    return {
        "State": status.state,
        "Device": status.device,
        "Degraded": f"{degraded.mode}: {degraded.reason}" if degraded else "",
        "LastError": status.last_error or "",
    }
