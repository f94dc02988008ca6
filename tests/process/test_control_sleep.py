import asyncio

import pytest

from fakes.bus import PrivateBus, until, within
from fakes.logind import Logind
from swictation.control.desktop.sleep import SleepWatch

pytestmark = pytest.mark.process


@pytest.fixture
def bus(session_bus: PrivateBus, monkeypatch: pytest.MonkeyPatch) -> PrivateBus:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", session_bus.address)
    return session_bus


def test_sleep_waits_until_everything_is_given_back_and_is_inhibited_again_afterwards(bus):
    async def test() -> None:
        logind, told = Logind(), list[str]()
        may_go = asyncio.Event()

        async def before() -> None:
            told.append("before")
            await may_go.wait()

        watch = SleepWatch(before, lambda: told.append("after"))
        async with within():
            await logind.start(bus.address)
            await watch.start()
            manager = logind.manager
            try:
                await until(lambda: len(manager.inhibited) == 1)
                assert manager.inhibited[0][0] == "sleep"
                assert manager.inhibited[0][3] == "delay"
                manager.let_go()
                manager.PrepareForSleep(True)
                await until(lambda: told == ["before"])
                assert manager.is_inhibited()
                may_go.set()
                await until(lambda: not manager.is_inhibited())
                manager.forget()
                manager.PrepareForSleep(False)
                await until(lambda: told == ["before", "after"])
                await until(lambda: len(manager.inhibited) == 2)
                manager.let_go()
                assert manager.is_inhibited()
            finally:
                await watch.stop()
                await until(lambda: not manager.is_inhibited())
                manager.forget()
                await logind.stop()

    asyncio.run(test())


def test_without_logind_nothing_is_called_and_nothing_fails(bus):
    async def test() -> None:
        told: list[str] = []

        async def before() -> None:
            told.append("before")

        watch = SleepWatch(before, lambda: told.append("after"))
        async with within():
            await watch.start()
            await watch._link.tried()
            await watch.stop()
        assert not told

    asyncio.run(test())


def test_an_awakening_that_was_told_to_nobody_is_noticed_with_the_next_connection(bus):
    async def test() -> None:
        logind, told = Logind(), list[str]()

        async def before() -> None:
            told.append("before")

        watch = SleepWatch(before, lambda: told.append("after"))
        async with within():
            await logind.start(bus.address)
            await watch.start()
            manager = logind.manager
            try:
                await until(lambda: len(manager.inhibited) == 1)
                manager.PrepareForSleep(True)
                await until(lambda: told == ["before"])
                await _lose_connection(watch)
                await until(lambda: len(manager.inhibited) == 2)
                assert told == ["before"], "it still sleeps"
                manager.is_going = False
                await _lose_connection(watch)
                await until(lambda: told == ["before", "after"])
                await until(lambda: watch._link.bus)
                known = len(manager.inhibited)
                await _lose_connection(watch)
                await until(lambda: len(manager.inhibited) > known and watch._link.bus)
                assert told == ["before", "after"], "once is enough"
            finally:
                await watch.stop()
                manager.forget()
                await logind.stop()

    asyncio.run(test())


async def _lose_connection(watch: SleepWatch) -> None:
    await until(lambda: watch._link.bus)
    assert watch._link.bus
    watch._link.bus.disconnect()
    await until(lambda: not watch._link.bus)
