import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from fakes.bus import PrivateBus, until, within
from fakes.logind import DISPLAY, TERMINAL, Logind
from swictation.control.desktop.screen_lock import ScreenLock

pytestmark = pytest.mark.process

Test = Callable[[Logind, ScreenLock, list[bool]], Coroutine[Any, Any, None]]


@pytest.fixture
def bus(session_bus: PrivateBus, monkeypatch: pytest.MonkeyPatch) -> PrivateBus:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", session_bus.address)
    monkeypatch.delenv("XDG_SESSION_ID", raising=False)
    return session_bus


def run(test: Test) -> None:
    async def limited() -> None:
        logind, told = Logind(), list[bool]()
        lock = ScreenLock(told.append)
        async with within():
            try:
                await test(logind, lock, told)
            finally:
                await lock.stop()
                await logind.stop()

    asyncio.run(limited())


def test_a_user_service_hears_of_the_users_display_session(bus: PrivateBus):
    async def test(logind: Logind, lock: ScreenLock, told: list[bool]) -> None:
        logind.user.display = ["2", DISPLAY]
        await logind.start(bus.address)
        await lock.start()
        await lock.settled()
        logind.display.lock(True)
        await until(lambda: told == [True])
        logind.display.lock(False)
        await until(lambda: told == [True, False])

    run(test)


def test_a_screen_that_is_locked_at_start_is_told(bus: PrivateBus):
    async def test(logind: Logind, lock: ScreenLock, told: list[bool]) -> None:
        logind.user.display = ["2", DISPLAY]
        await logind.start(bus.address)
        logind.display.lock(True)
        await lock.start()
        await until(lambda: told == [True])

    run(test)


def test_its_own_graphical_session_goes_before_the_users(bus: PrivateBus):
    async def test(logind: Logind, lock: ScreenLock, told: list[bool]) -> None:
        logind.manager.of_process = DISPLAY
        await logind.start(bus.address)
        await lock.start()
        await lock.settled()
        logind.display.lock(True)
        await until(lambda: told == [True])

    run(test)


def test_a_daemon_started_in_a_text_session_minds_the_graphical_one(bus: PrivateBus):
    async def test(logind: Logind, lock: ScreenLock, told: list[bool]) -> None:
        logind.manager.of_process = TERMINAL
        logind.user.display = ["2", DISPLAY]
        await logind.start(bus.address)
        await lock.start()
        await lock.settled()
        logind.terminal.lock(True)
        logind.display.lock(True)
        await until(lambda: told == [True])
        logind.display.lock(False)
        await until(lambda: told == [True, False])

    run(test)


def test_a_session_that_begins_later_is_found(bus: PrivateBus):
    async def test(logind: Logind, lock: ScreenLock, told: list[bool]) -> None:
        await logind.start(bus.address)
        await lock.start()
        await lock.settled()
        assert told == []
        logind.user.show(DISPLAY)
        logind.display.lock(True)
        await until(lambda: told == [True])

    run(test)


def test_logind_may_be_absent_come_go_and_come_back(bus: PrivateBus):
    async def test(logind: Logind, lock: ScreenLock, told: list[bool]) -> None:
        logind.user.display = ["2", DISPLAY]
        await lock.start()
        await lock.settled()
        assert told == []
        await logind.start(bus.address)
        logind.display.lock(True)
        await until(lambda: told == [True])
        await logind.stop()
        again = Logind()
        again.user.display = ["2", DISPLAY]
        again.display.lock(True)
        await again.start(bus.address)
        again.display.lock(False)
        await until(lambda: told == [True, False])
        await again.stop()

    run(test)


def test_a_restart_of_the_system_bus_is_outlived(bus: PrivateBus):
    async def test(logind: Logind, lock: ScreenLock, told: list[bool]) -> None:
        logind.user.display = ["2", DISPLAY]
        await logind.start(bus.address)
        logind.display.lock(True)
        await lock.start()
        await until(lambda: told == [True])
        bus.kill()
        bus.start()
        again = Logind()
        again.user.display = ["2", DISPLAY]
        await again.start(bus.address)
        await until(lambda: told == [True, False])
        await again.stop()

    run(test)


def test_without_a_system_bus_nothing_happens(bus: PrivateBus):
    bus.kill()

    async def test(logind: Logind, lock: ScreenLock, told: list[bool]) -> None:
        await lock.start()
        await lock.settled()
        assert told == []

    run(test)
