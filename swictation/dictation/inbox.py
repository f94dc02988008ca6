"""The run loop's one inbox."""

import asyncio

from swictation.events import Event


class Inbox:
    """Events from any thread, in order of posting.

    Unbounded, yet small: decision points are a few a second of unsettled audio, which the journal
    bounds; everything else is one event for one thing done.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[Event] = asyncio.Queue()

    def post(self, event: Event) -> None:
        """Add an event. Thread-safe; never waits."""
        self._loop.call_soon_threadsafe(self._queue.put_nowait, event)

    async def next(self) -> Event:
        """Wait for the oldest event."""
        return await self._queue.get()
