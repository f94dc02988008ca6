"""What a daemon lets others do, without a daemon. `python -m fakes.controls` puts it on the bus."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from msgspec.structs import replace

from swictation.control.bus.interface import Controls
from swictation.control.bus.service import BusService
from swictation.control.status import State, Status
from swictation.errors import InjectError, SwictationError


class StandIn:
    """Controls with a state, and a capture that lasts until `captured` is set."""

    def __init__(self) -> None:
        self.now = Status(
            state="idle",
            ready=True,
            engine="whisper",
            model="small.en",
            device="cpu",
            precision="int8",
            pid=os.getpid(),
        )
        self.held = 0
        self.retried: int | None = None
        self.with_text: list[int] = []
        self.captured: asyncio.Future[str] | None = None
        self.was_broken_off = asyncio.Event()
        names = Controls.__struct_fields__
        self.service = BusService(Controls(**{name: getattr(self, name) for name in names}))

    def change(self, **fields: object) -> None:
        self.now = replace(self.now, **fields)
        self.service.publish(self.now)

    def _go(self, state: State) -> str:
        self.change(state=state)
        return state

    def toggle(self) -> str:
        return self._go("listening" if self.now.state == "idle" else "idle")

    def start(self) -> str:
        return self._go("listening")

    def stop(self) -> str:
        return self._go("idle")

    def cancel(self) -> str:
        return self._go("idle")

    async def retry(self) -> int:
        if self.retried is None:
            raise SwictationError("Nothing is set aside.")
        return self.retried

    def reset_card(self) -> str:
        return "cpu"

    async def capture(self) -> str:
        self.captured = asyncio.get_running_loop().create_future()
        self._go("listening")
        try:
            return await self.captured
        except asyncio.CancelledError:
            self.was_broken_off.set()
            raise
        finally:
            self._go("idle")

    async def paste_last(self) -> int:
        if not self.held:
            raise InjectError("There is no text to type.", "speak first")
        return self.held

    def status(self) -> Status:
        return self.now

    def subscribers_changed(self, with_text: int) -> None:
        self.with_text.append(with_text)


@asynccontextmanager
async def daemon() -> AsyncIterator[StandIn]:
    stand_in = StandIn()
    await stand_in.service.start()
    try:
        yield stand_in
    finally:
        await stand_in.service.stop()


async def _main() -> None:
    stand_in = StandIn()
    await stand_in.service.start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    await ended.wait()
    await stand_in.service.stop()


if __name__ == "__main__":
    asyncio.run(_main())
