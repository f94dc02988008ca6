"""Whether the screen is locked, by logind's LockedHint of this user's graphical session.

A user service belongs to no session, so logind cannot find one by its process. Then the session
that logind displays for the user is used. After any signal of logind, everything is checked again:
signals are rare, sessions come and go, and a hint may belong to another session by then.
"""

import asyncio
import logging
import os
from collections.abc import Callable
from typing import cast

from dbus_fast import DBusError, Message, MessageType

from swictation.control.bus.connection import FAILURES, Bus, ReconnectingBus, Remote, system_bus
from swictation.control.bus.wire import owner_changes

NAME = "org.freedesktop.login1"
PATH = "/org/freedesktop/login1"
MANAGER = Remote(NAME, PATH, f"{NAME}.Manager")
ANSWER_S = 5.0
LONGEST_WAIT_S = 60.0
"""Pause between attempts to find a system bus: many containers have none."""

_GRAPHICAL = {"x11", "wayland", "mir"}
_SIGNALS = (
    f"type='signal',sender='{NAME}',path_namespace='{PATH}'",
    owner_changes(NAME),
)

_log = logging.getLogger(__name__)


class ScreenLock:
    """Calls back when the screen is locked or unlocked. Used on the run loop's thread.

    Without logind nothing is ever called. While logind is gone, the last answer counts.
    """

    def __init__(self, on_change: Callable[[bool], None]) -> None:
        self._on_change = on_change
        self._is_locked = False
        self._link = ReconnectingBus("screenlock", system_bus, self._on_up, None, LONGEST_WAIT_S)
        self._has_news = asyncio.Event()
        self._has_looked = asyncio.Event()

    async def start(self) -> None:
        """Begin to watch; returns at once."""
        self._link.start(self._watch())

    async def settled(self) -> None:
        """Returns when the state is known for the first time, or cannot be known."""
        await self._has_looked.wait()

    async def stop(self) -> None:
        """Stop watching."""
        await self._link.stop()

    async def _on_up(self, bus: Bus) -> None:
        bus.add_message_handler(self._note)
        for rule in _SIGNALS:
            await bus.ask_bus("AddMatch", "s", rule)
        self._has_news.set()

    def _note(self, message: Message) -> None:
        if message.message_type is MessageType.SIGNAL and message.member != "NameAcquired":
            self._has_news.set()

    async def _watch(self) -> None:
        await self._link.tried()
        while True:
            if self._link.bus is not None:
                await self._see(self._link.bus)
            self._has_looked.set()
            await self._has_news.wait()
            self._has_news.clear()

    async def _see(self, bus: Bus) -> None:
        try:
            async with asyncio.timeout(ANSWER_S):
                is_locked = await _look(bus)
        except FAILURES as error:
            _log.info("the screen lock is not known: %r", error)
            return
        if is_locked != self._is_locked:
            self._is_locked = is_locked
            try:
                self._on_change(is_locked)
            except Exception:  # noqa: BLE001 - the callback failed, the watch goes on
                _log.exception("the screen lock has changed, but reacting to it failed")


async def _look(bus: Bus) -> bool:
    """The hint of the graphical session; False if there is no session."""
    others: list[str] = []
    for find in (_of_process, _of_environment, _of_user):
        try:
            session = await find(bus)
            if session is None:
                continue
            if await _get(bus, session, "Session", "Type") in _GRAPHICAL:
                return await _get(bus, session, "Session", "LockedHint") is True
            others.append(session)
        except DBusError as error:
            if not error.type.startswith(NAME):  # logind has gone, so nothing is known
                raise
    return bool(others) and await _get(bus, others[0], "Session", "LockedHint") is True


async def _of_process(bus: Bus) -> str | None:
    return str((await bus.ask(MANAGER, "GetSessionByPID", "u", os.getpid()))[0])


async def _of_environment(bus: Bus) -> str | None:
    session = os.environ.get("XDG_SESSION_ID")
    return str((await bus.ask(MANAGER, "GetSession", "s", session))[0]) if session else None


async def _of_user(bus: Bus) -> str | None:
    user = str((await bus.ask(MANAGER, "GetUser", "u", os.getuid()))[0])
    display = await _get(bus, user, "User", "Display")  # (id, path), or ("", "/") if there is none
    path = str(cast("list[object]", display)[1]) if display else "/"
    return None if path == "/" else path


async def _get(bus: Bus, path: str, interface: str, name: str) -> object:
    return await bus.get_property(Remote(NAME, path, f"{NAME}.{interface}"), name)
