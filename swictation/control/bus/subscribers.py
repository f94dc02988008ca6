"""The peers on the bus: subscribers, and callers that wait for an answer.

Text goes to subscribers only, by unicast. Peers are known by their unique names, which the bus
never gives twice. A peer that leaves the bus is forgotten.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Generator
from contextvars import ContextVar
from typing import Any, Literal

from dbus_fast import Message, MessageType, Variant

from swictation.control.bus.connection import FAILURES, Bus
from swictation.control.bus.wire import INTERFACE, PATH, owner_changes
from swictation.errors import ControlError

MAX_SUBSCRIBERS = 32
"""Further ones are refused."""

CALLER: ContextVar[str] = ContextVar("caller")
"""The unique name of the caller whose method call is being handled."""

_PROPERTIES = "org.freedesktop.DBus.Properties"


class Subscribers:
    """The peers on one connection. Used on the run loop's thread."""

    def __init__(self, bus: Bus, on_change: Callable[[int], None]) -> None:
        """`on_change` gets the number of subscribers that want text."""
        self._bus = bus
        self._on_change = on_change
        self._subscribers: dict[str, bool] = {}
        self._calls: dict[asyncio.Task[Any], str] = {}
        self._chores: set[asyncio.Task[None]] = set()
        bus.add_message_handler(self._note)

    def subscribe(self, name: str, include_text: bool) -> None:
        """Send `name` what is said from now on, with or without text.

        Raises:
            ControlError: there are too many already.
        """
        if name not in self._subscribers:
            if len(self._subscribers) >= MAX_SUBSCRIBERS:
                raise ControlError(f"There are {MAX_SUBSCRIBERS} subscribers: no more fit.")
            self._watch(name)
        self._subscribers[name] = include_text
        self._tell()

    def unsubscribe(self, name: str) -> None:
        """End the subscription of `name`."""
        if self._subscribers.pop(name, None) is not None:
            self._unwatch(name)
            self._tell()

    @contextlib.contextmanager
    def cared_for(self) -> Generator[None]:
        """Cancels the running task if its caller leaves the bus before the answer."""
        task, name = asyncio.current_task(), CALLER.get()
        assert task is not None, "called by a method of the object on the bus"
        self._calls[task] = name
        self._watch(name)
        try:
            yield
        finally:
            del self._calls[task]
            self._unwatch(name)

    def say(self, member: Literal["Partial", "Committed"], utterance: int, text: str) -> None:
        """Signal each subscriber; those without text get "" in its place."""
        for name, include_text in self._subscribers.items():
            body = [utterance, text if include_text else ""]
            self._send(member, "us", body, destination=name)

    def broadcast_change(self) -> None:
        """Signal everybody that the status changed, not how."""
        self._send("StatusChanged", "", [])

    def broadcast_properties(self, changed: dict[str, str]) -> None:
        """Signal properties to everybody, all of them strings."""
        values = {name: Variant("s", value) for name, value in changed.items()}
        body: list[Any] = [INTERFACE, values, []]
        self._send("PropertiesChanged", "sa{sv}as", body, interface=_PROPERTIES)

    async def close(self) -> None:
        """Forget all peers, and cancel what they wait for."""
        tasks = [*self._calls, *self._chores]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._subscribers:
            self._subscribers.clear()
            self._tell()

    def _tell(self) -> None:
        self._on_change(sum(self._subscribers.values()))

    def _note(self, message: Message) -> None:
        """Called by dbus-fast for each message, before its method is called."""
        if message.message_type is MessageType.METHOD_CALL and message.sender:
            CALLER.set(message.sender)
        elif message.member == "NameOwnerChanged" and message.sender == "org.freedesktop.DBus":
            name, _, owner = message.body
            if not owner:
                self._left(name)

    def _left(self, name: str) -> None:
        self.unsubscribe(name)
        for task, caller in self._calls.items():
            if caller == name:
                task.cancel()

    def _send(
        self,
        member: str,
        signature: str,
        body: list[Any],
        destination: str | None = None,
        interface: str = INTERFACE,
    ) -> None:
        self._bus.send(
            Message(
                message_type=MessageType.SIGNAL,
                destination=destination,
                path=PATH,
                interface=interface,
                member=member,
                signature=signature,
                body=body,
            )
        )

    def _watch(self, name: str) -> None:
        self._chore(self._look_at(name))

    async def _look_at(self, name: str) -> None:
        await self._bus.ask_bus("AddMatch", "s", owner_changes(name))
        if (await self._bus.ask_bus("NameHasOwner", "s", name)) == [False]:
            self._left(name)  # before the rule was in place

    def _unwatch(self, name: str) -> None:
        """The bus counts equal rules: this removes one of them."""
        self._chore(self._bus.ask_bus("RemoveMatch", "s", owner_changes(name)))

    def _chore(self, work: Awaitable[object]) -> None:
        async def do() -> None:
            with contextlib.suppress(*FAILURES):  # the bus has gone, and all rules with it
                await work

        task = asyncio.create_task(do(), name="subscribers")
        self._chores.add(task)
        task.add_done_callback(self._chores.discard)
