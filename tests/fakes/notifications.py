"""A notification server that keeps what it was sent."""

from typing import Annotated, Any

from dbus_fast.annotations import DBusDict, DBusInt32, DBusSignature, DBusStr, DBusUInt32
from dbus_fast.service import ServiceInterface, dbus_method

from swictation.control.bus.connection import Bus, connect

NAME = "org.freedesktop.Notifications"

_Strings = Annotated[list[str], DBusSignature("as")]


class NotificationServer(ServiceInterface):
    """`sent`: (number to replace, summary, body, hints); `shown`: what a user sees, by number."""

    def __init__(self, first_number: int = 1) -> None:
        super().__init__(NAME)
        self.sent: list[tuple[int, str, str, dict[str, Any]]] = []
        self.shown: dict[int, str] = {}
        self._next = first_number
        self._bus: Bus | None = None

    @dbus_method()
    def Notify(
        self,
        app: DBusStr,
        replaces: DBusUInt32,
        icon: DBusStr,
        summary: DBusStr,
        body: DBusStr,
        actions: _Strings,
        hints: DBusDict,
        timeout_ms: DBusInt32,
    ) -> DBusUInt32:
        plain = {name: hint.value for name, hint in hints.items()}
        self.sent.append((replaces, summary, body, plain))
        number = replaces
        if not number:
            number, self._next = self._next, self._next + 1
        self.shown[number] = summary
        return number

    @dbus_method()
    def CloseNotification(self, number: DBusUInt32) -> None:
        self.shown.pop(number, None)

    async def start(self, address: str) -> None:
        self._bus = await connect(address)
        self._bus.export("/org/freedesktop/Notifications", self)
        await self._bus.request_name(NAME)

    async def stop(self) -> None:
        if self._bus is not None:
            await self._bus.close()
