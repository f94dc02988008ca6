"""While a configuration is read, the run loop goes on; the last request wins."""

import asyncio
from threading import Event

import pytest

from patience import PATIENCE_S
from swictation.config.settings import Settings
from swictation.daemon.rereading import Rereading
from swictation.errors import ConfigError

pytestmark = pytest.mark.unit


class Disk:
    """A file that is read for as long as a test wants."""

    def __init__(self) -> None:
        self.begun = [Event() for _ in range(9)]
        self.may_end = [Event() for _ in range(9)]
        self.readings = 0
        self.found: Settings | Exception = Settings()

    def load(self) -> Settings:
        number, self.readings = self.readings, self.readings + 1
        self.begun[number].set()
        assert self.may_end[number].wait(PATIENCE_S), "nobody lets it go on: the loop stands"
        if isinstance(self.found, Exception):
            raise self.found
        return self.found


class Told:
    """What the run loop is told."""

    def __init__(self) -> None:
        self.news: asyncio.Queue = asyncio.Queue()

    async def next(self):
        return await asyncio.wait_for(self.news.get(), PATIENCE_S)


@pytest.fixture
def disk():
    disk = Disk()
    yield disk
    for event in disk.may_end:
        event.set()


async def passes(event: Event) -> None:
    """Wait for a thread without blocking the loop."""
    assert await asyncio.to_thread(event.wait, PATIENCE_S)


def test_the_loop_does_other_work_while_it_is_read(disk):
    async def scene():
        told = Told()
        rereading = Rereading(disk.load, told.news.put_nowait)
        rereading.ask()
        # It ends only when the loop, which asked for it, says so: read on the loop this stood.
        asyncio.get_running_loop().call_soon(disk.may_end[0].set)
        assert await told.next() == Settings()

    asyncio.run(scene())


def test_of_many_requests_meanwhile_one_is_read_and_that_is_the_last(disk):
    async def scene():
        told = Told()
        rereading = Rereading(disk.load, told.news.put_nowait)
        for _ in range(4):
            rereading.ask()
        await passes(disk.begun[0])
        disk.may_end[0].set()
        await passes(disk.begun[1])
        assert told.news.empty(), "what was read before the last request is not taken"
        disk.found = last = ConfigError("the last")
        disk.may_end[1].set()
        assert await told.next() is last
        assert disk.readings == 2

    asyncio.run(scene())


def test_a_daemon_that_ends_meanwhile_waits_for_nothing_and_takes_nothing(disk):
    told = []

    async def scene():
        rereading = Rereading(disk.load, told.append)
        rereading.ask()
        await passes(disk.begun[0])
        rereading.stop()

    asyncio.run(scene())  # returns while it is still read
    disk.may_end[0].set()
    assert told == []


def test_a_bug_in_reading_is_told_and_the_next_request_is_served(disk):
    async def scene():
        told = Told()
        rereading = Rereading(disk.load, told.news.put_nowait)
        for event in disk.may_end:
            event.set()
        disk.found = ZeroDivisionError()
        rereading.ask()
        assert "ZeroDivisionError" in (await told.next()).message
        disk.found = Settings()
        rereading.ask()
        assert await told.next() == Settings()

    asyncio.run(scene())
