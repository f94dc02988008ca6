"""A bus connection that reconnects: buses are restarted while the daemon goes on.

dbus-fast reports the end of a bus by an error in `wait_for_disconnect`. Everything that belongs to
the old connection (the name, match rules, subscribers) is gone with it and is made again in
`on_up`.
"""

import asyncio
import contextlib
import io
import logging
import socket
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, NamedTuple, cast

from dbus_fast import DBusError, Message, MessageFlag, MessageType, Variant
from dbus_fast.aio import MessageBus
from dbus_fast.errors import DBusFastError

from swictation.control.bus.wire import session_address, system_address
from swictation.errors import SwictationError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

CONNECT_S = 10.0
FIRST_WAIT_S = 0.1
LONGEST_WAIT_S = 5.0
MAX_UNSENT = 256
"""Signals that may wait for a bus that does not read; further ones are dropped."""

FAILURES = (OSError, EOFError, TimeoutError, DBusFastError, SwictationError)
"""The errors of a bus that is absent, ending or broken."""

_log = logging.getLogger(__name__)


class _Socket(socket.socket):
    """For dbus-fast, which takes a full socket for the end of the bus and raises on a dead one."""

    def send(self, data: "ReadableBuffer", flags: int = 0, /) -> int:
        try:
            return super().send(data, flags)
        except BlockingIOError:
            return 0  # so it waits until there is room
        except OSError:
            return memoryview(data).nbytes  # the reader sees the end of the bus


class Remote(NamedTuple):
    """An interface of an object that another program has on the bus."""

    name: str
    path: str
    interface: str


_BUS = Remote("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus")


class Bus(MessageBus):
    """A connection that always accepts writes: those after its end are dropped."""

    unsent = 0
    _ended: "asyncio.Task[None] | None" = None

    async def open(self) -> None:
        """Connect.

        Raises:
            OSError, EOFError, TimeoutError, DBusFastError: it cannot be made.
        """
        async with asyncio.timeout(CONNECT_S):
            await self.connect()
        self._ended = asyncio.create_task(self._see_the_end(), name="bus")

    async def ended(self) -> None:
        """Returns when there is no connection any more."""
        if self._ended is not None:
            await asyncio.wait([self._ended])  # which, cancelled, leaves that task alone

    async def close(self) -> None:
        """End the connection and wait until its socket is closed."""
        self.disconnect()
        await self.ended()

    def send(self, msg: Message) -> "asyncio.Future[None]":
        """Write a message. At most MAX_UNSENT signals wait; the newest are dropped."""
        is_signal = msg.message_type is MessageType.SIGNAL
        if not self.connected or (is_signal and self.unsent >= MAX_UNSENT):
            dropped = asyncio.get_running_loop().create_future()
            dropped.set_result(None)
            return dropped
        sent = cast("asyncio.Future[None]", super().send(msg))  # pyright: ignore[reportUnknownMemberType]
        if not sent.done():
            self.unsent += 1
            sent.add_done_callback(self._sent)
        return sent

    def _sent(self, _sent: "asyncio.Future[None]") -> None:
        self.unsent -= 1

    @staticmethod
    def _create_socket_for_transport(
        transport: str, options: dict[str, str]
    ) -> tuple[socket.socket, io.BufferedRWPair, bytes | str | tuple[str, int]]:
        made, stream, address = MessageBus._create_socket_for_transport(transport, options)
        stream.close()
        patient = _Socket(fileno=made.detach())
        return patient, patient.makefile("rwb"), address

    async def reply(
        self,
        remote: Remote,
        member: str,
        signature: str = "",
        *body: object,
        flags: MessageFlag = MessageFlag.NONE,
    ) -> Message:
        """Call a method.

        Raises:
            DBusError: the answer is an error.
            EOFError, OSError: the bus has gone.
        """
        if not self.connected:
            raise EOFError
        message = Message(*remote, member, flags=flags, signature=signature, body=list(body))
        reply = await self.call(message)
        if reply.message_type is MessageType.ERROR:
            raise DBusError(reply.error_name or "", str(reply.body[0]) if reply.body else "")
        return reply

    async def ask(
        self, remote: Remote, member: str, signature: str = "", *body: object
    ) -> list[object]:
        """Call a method; the body of its answer. Raises as `reply` does."""
        return list((await self.reply(remote, member, signature, *body)).body)

    async def ask_bus(self, member: str, signature: str = "", *body: object) -> list[object]:
        """Call a method of the bus itself; see `ask`."""
        return await self.ask(_BUS, member, signature, *body)

    async def get_property(self, remote: Remote, name: str) -> object:
        """A property of an object, None if there is none. Raises as `reply` does."""
        of = remote._replace(interface="org.freedesktop.DBus.Properties")
        answer = await self.ask(of, "Get", "ss", remote.interface, name)
        return answer[0].value if answer and isinstance(answer[0], Variant) else None

    async def _see_the_end(self) -> None:
        with contextlib.suppress(*FAILURES):
            await self.wait_for_disconnect()


async def connect(address: str, *, takes_fds: bool = False) -> Bus:
    """A connection to the bus at `address`; raises as `Bus.open` does."""
    bus = Bus(address, negotiate_unix_fd=takes_fds)
    await bus.open()
    return bus


async def session_bus() -> Bus:
    """A connection to the user's; raises as `Bus.open` does, and BusError."""
    return await connect(session_address())


async def system_bus(*, takes_fds: bool = False) -> Bus:
    """A connection to the machine's; raises as `Bus.open` does."""
    return await connect(system_address(), takes_fds=takes_fds)


class ReconnectingBus:
    """Keeps a connection; `on_up` prepares each new one, `on_down` is called at its end."""

    def __init__(
        self,
        name: str,
        connect: Callable[[], Awaitable[Bus]],
        on_up: Callable[[Bus], Awaitable[None]],
        on_down: Callable[[], None] | None = None,
        longest_wait_s: float = LONGEST_WAIT_S,
    ) -> None:
        """`connect`: makes one more connection, as `session_bus` does."""
        self.bus: Bus | None = None
        """The connection while there is one."""
        self._name = name
        self._new_bus = connect
        self._on_up = on_up
        self._on_down = on_down
        self._longest_wait_s = longest_wait_s
        self._tasks: list[asyncio.Task[None]] = []
        self._has_tried = asyncio.Event()

    async def tried(self) -> None:
        """Returns when the first attempt to connect has ended, successful or not."""
        await self._has_tried.wait()

    async def open(self) -> None:
        """Connect for the first time, now, and keep the connection from then on.

        Raises:
            OSError, EOFError, TimeoutError, DBusFastError: there is no bus.
            SwictationError: `on_up` raised it.
        """
        await self._connect()
        self.start()

    def start(self, *beside: Coroutine[None, None, None]) -> None:
        """Keep a connection as soon as there is a bus, and run what uses it `beside`."""
        for work in (self._keep(), *beside):
            self._tasks.append(asyncio.create_task(work, name=f"link {self._name}"))

    async def stop(self) -> None:
        """Close it for good."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self.bus is not None:
            await self.bus.close()
            self.bus = None

    async def _keep(self) -> None:
        wait_s = FIRST_WAIT_S
        while True:
            if self.bus is not None:
                await self._wait_for_end(self.bus)
                wait_s = FIRST_WAIT_S
                await asyncio.sleep(wait_s)  # the bus may be one that disconnects everybody at once
            try:
                await self._connect()
                self._has_tried.set()
            except FAILURES as error:
                self._has_tried.set()
                message = error.message if isinstance(error, SwictationError) else repr(error)
                _log.info("%s: no bus, next try in %.1f s: %s", self._name, wait_s, message)
                await asyncio.sleep(wait_s)
                wait_s = min(2 * wait_s, self._longest_wait_s)

    async def _wait_for_end(self, bus: Bus) -> None:
        await bus.ended()
        self.bus = None
        _log.info("%s: the bus has gone", self._name)
        if self._on_down is not None:
            self._on_down()

    async def _connect(self) -> None:
        bus = await self._new_bus()
        try:
            await self._on_up(bus)
        except BaseException:
            await bus.close()
            raise
        self.bus = bus
        _log.info("%s: on the bus as %s", self._name, bus.unique_name)
