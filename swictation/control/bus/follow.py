"""The status as it changes, through restarts of the daemon and of the bus."""

import asyncio
import contextlib
from collections.abc import Callable

import msgspec
from dbus_fast import Message, MessageType

from swictation.control.bus.client import ask
from swictation.control.bus.connection import Bus, ReconnectingBus, session_bus
from swictation.control.bus.wire import BUS_NAME, PATH, owner_changes
from swictation.control.status import STOPPED, Status, decode
from swictation.errors import ControlError

_SIGNALS = (
    f"type='signal',sender='{BUS_NAME}',path='{PATH}',member='StatusChanged'",
    owner_changes(BUS_NAME),
)
_MEMBERS = {"StatusChanged", "NameOwnerChanged"}


async def follow(tell: Callable[[Status], None], every_s: float | None = None) -> None:
    """Call `tell` with the status now and after each change; ends only when cancelled.

    Without a daemon the status is `STOPPED`; it is not started. `every_s`: also ask that often, for
    figures whose change is not signalled.
    """
    changed = asyncio.Event()

    def note(message: Message) -> None:
        if message.message_type is MessageType.SIGNAL and message.member in _MEMBERS:
            changed.set()

    async def listen(bus: Bus) -> None:
        bus.add_message_handler(note)
        for rule in _SIGNALS:
            await bus.ask_bus("AddMatch", "s", rule)
        changed.set()

    link = ReconnectingBus("follow", session_bus, listen, on_down=changed.set)
    link.start()
    try:
        await link.tried()
        while True:
            changed.clear()
            tell(await _look(link))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(changed.wait(), every_s)
    finally:
        await link.stop()


async def _look(link: ReconnectingBus) -> Status:
    if link.bus is None:
        return STOPPED
    try:
        return decode(str(await ask(link.bus, "Status")))
    except (ControlError, msgspec.DecodeError):
        return STOPPED
