"""Peers on the bus, and the programs that are some."""

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest
from dbus_fast import Message, MessageType

from fakes.bus import PrivateBus, within
from swictation.control.bus.connection import Bus, Remote, connect
from swictation.control.bus.wire import BUS_NAME, INTERFACE, PATH


class Client:
    """A peer on the bus that notes the signals that reach it."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self.heard: list[tuple[str, list[Any]]] = []
        bus.add_message_handler(self._note)

    def _note(self, message: Message) -> None:
        if message.message_type is MessageType.SIGNAL and message.path == PATH:
            self.heard.append((message.member or "", list(message.body)))

    async def ask(self, member: str, signature: str = "", *body: object) -> Any:
        answer = await self.bus.ask(Remote(BUS_NAME, PATH, INTERFACE), member, signature, *body)
        return answer[0] if answer else None

    async def listen(self) -> None:
        await self.bus.ask_bus("AddMatch", "s", f"type='signal',path='{PATH}'")

    def heard_of(self, member: str) -> list[list[Any]]:
        return [body for name, body in self.heard if name == member]


@asynccontextmanager
async def client(bus: PrivateBus) -> AsyncIterator[Client]:
    connection = await connect(bus.address)
    try:
        yield Client(connection)
    finally:
        await connection.close()


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async def limited() -> None:
        async with within():
            await test()

    asyncio.run(limited())


async def shell(*command: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    output, _ = await process.communicate()
    return output.decode()


def need(program: str, package: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is missing (package {package})")
