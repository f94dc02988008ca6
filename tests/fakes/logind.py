"""A logind of which the tests decide what it knows: one user, one session."""

import os
import select
from typing import Annotated

from dbus_fast import DBusError, PropertyAccess
from dbus_fast.annotations import (
    DBusBool,
    DBusObjectPath,
    DBusSignature,
    DBusStr,
    DBusUInt32,
    DBusUnixFd,
)
from dbus_fast.service import ServiceInterface, dbus_method, dbus_property, dbus_signal

from swictation.control.bus.connection import Bus, connect

NAME = "org.freedesktop.login1"
ROOT = "/org/freedesktop/login1"
DISPLAY = f"{ROOT}/session/_32"
TERMINAL = f"{ROOT}/session/_35"

_IdPath = Annotated[list[str], DBusSignature("(so)")]


class Session(ServiceInterface):
    def __init__(self, kind: str) -> None:
        super().__init__(f"{NAME}.Session")
        self._kind = kind
        self._is_locked = False

    @dbus_property(access=PropertyAccess.READ)
    def Type(self) -> DBusStr:
        return self._kind

    @dbus_property(access=PropertyAccess.READ)
    def LockedHint(self) -> DBusBool:
        return self._is_locked

    def lock(self, is_locked: bool) -> None:
        self._is_locked = is_locked
        self.emit_properties_changed({"LockedHint": is_locked})


class User(ServiceInterface):
    def __init__(self) -> None:
        super().__init__(f"{NAME}.User")
        self.display = ["", "/"]

    @dbus_property(access=PropertyAccess.READ)
    def Display(self) -> _IdPath:
        return self.display

    def show(self, path: str) -> None:
        self.display = ["2", path]
        self.emit_properties_changed({"Display": self.display})


class Manager(ServiceInterface):
    def __init__(self) -> None:
        super().__init__(f"{NAME}.Manager")
        self.of_process: str | None = None
        self.inhibited: list[list[str]] = []
        self.is_going = False
        self._inhibitor = (-1, -1)
        self._open: set[int] = set()

    @dbus_method()
    def Inhibit(self, what: DBusStr, who: DBusStr, why: DBusStr, mode: DBusStr) -> DBusUnixFd:
        self._inhibitor = os.pipe()
        self._open.update(self._inhibitor)
        self.inhibited.append([what, who, why, mode])
        return self._inhibitor[1]

    def let_go(self) -> None:
        """Close the end that was given away; what is left of it is the inhibitor's own."""
        self._open.remove(self._inhibitor[1])
        os.close(self._inhibitor[1])

    def is_inhibited(self) -> bool:
        """Whether somebody still holds the last inhibitor."""
        return not select.select([self._inhibitor[0]], [], [], 0)[0]

    def forget(self) -> None:
        """Close what is still open of all inhibitors."""
        while self._open:
            os.close(self._open.pop())

    @dbus_signal()
    def PrepareForSleep(self, is_going: DBusBool) -> DBusBool:
        self.is_going = is_going
        return is_going

    @dbus_property(access=PropertyAccess.READ)
    def PreparingForSleep(self) -> DBusBool:
        return self.is_going

    @dbus_method()
    def GetSessionByPID(self, pid: DBusUInt32) -> DBusObjectPath:
        if self.of_process is None:
            raise DBusError(f"{NAME}.NoSessionForPID", f"PID {pid} does not belong to any session")
        return self.of_process

    @dbus_method()
    def GetSession(self, session: DBusStr) -> DBusObjectPath:
        raise DBusError(f"{NAME}.NoSuchSession", f"No session '{session}' known")

    @dbus_method()
    def GetUser(self, uid: DBusUInt32) -> DBusObjectPath:
        if uid != os.getuid():
            raise DBusError(f"{NAME}.NoSuchUser", "No such user")
        return f"{ROOT}/user/_1000"


class Logind:
    """Its objects; `start` puts it on the bus, `stop` takes it off."""

    def __init__(self) -> None:
        self.manager, self.user = Manager(), User()
        self.display, self.terminal = Session("wayland"), Session("tty")
        self._bus: Bus | None = None

    async def start(self, address: str) -> None:
        self._bus = await connect(address, takes_fds=True)
        self._bus.export(ROOT, self.manager)
        self._bus.export(f"{ROOT}/user/_1000", self.user)
        self._bus.export(DISPLAY, self.display)
        self._bus.export(TERMINAL, self.terminal)
        await self._bus.request_name(NAME)

    async def stop(self) -> None:
        if self._bus is not None:
            await self._bus.close()
