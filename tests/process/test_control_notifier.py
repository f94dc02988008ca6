import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from fakes.bus import PrivateBus, until, within
from fakes.notifications import NotificationServer
from swictation.control.desktop.notifier import Notifier

pytestmark = pytest.mark.process


def run(test: Callable[[Notifier], Coroutine[Any, Any, None]]) -> None:
    async def limited() -> None:
        notifier = Notifier()
        async with within():
            try:
                await notifier.start()
                await test(notifier)
            finally:
                await notifier.stop()

    asyncio.run(limited())


def test_a_notification_is_replaced_by_the_next_of_its_subject(session_bus: PrivateBus):
    async def test(notifier: Notifier) -> None:
        server = NotificationServer()
        await server.start(session_bus.address)
        notifier.notify("start", "Listening")
        await until(lambda: server.shown == {1: "Listening"})
        notifier.notify("degraded", "No microphone", "a < b & c", urgent=True)
        await until(lambda: server.shown == {1: "Listening", 2: "No microphone"})
        notifier.notify("stop", "Stopped listening")
        await until(lambda: server.shown == {1: "Stopped listening", 2: "No microphone"})
        assert [each[0] for each in server.sent] == [0, 0, 1]
        assert server.sent[1][2] == "a &lt; b &amp; c"
        assert server.sent[0][3]["urgency"] == 1
        assert server.sent[1][3]["urgency"] == 2
        assert server.sent[1][3]["category"] == "x-swictation.degraded"
        await server.stop()

    run(test)


def test_what_is_over_is_closed_and_shown_anew_the_next_time(session_bus: PrivateBus):
    async def test(notifier: Notifier) -> None:
        server = NotificationServer()
        await server.start(session_bus.address)
        notifier.notify("start", "Listening")
        await until(lambda: server.shown == {1: "Listening"})
        notifier.close("held")
        notifier.notify("held", "A text is held", urgent=True)
        await until(lambda: server.shown == {1: "Listening", 2: "A text is held"})
        notifier.close("held")
        await until(lambda: server.shown == {1: "Listening"})
        notifier.notify("held", "2 texts are held", urgent=True)
        await until(lambda: server.shown == {1: "Listening", 3: "2 texts are held"})
        await server.stop()

    run(test)


def test_a_burst_costs_no_more_than_its_last_notice(session_bus: PrivateBus):
    async def test(notifier: Notifier) -> None:
        server = NotificationServer()
        await server.start(session_bus.address)
        for number in range(1000):
            notifier.notify("start", f"number {number}")
        await until(lambda: server.shown == {1: "number 999"})
        assert len(server.sent) == 1
        await server.stop()

    run(test)


def test_a_new_server_gets_a_new_notification(session_bus: PrivateBus):
    async def test(notifier: Notifier) -> None:
        server = NotificationServer()
        await server.start(session_bus.address)
        notifier.notify("start", "Listening")
        await until(lambda: server.shown)
        await server.stop()
        another = NotificationServer(first_number=1)
        await another.start(session_bus.address)
        notifier.notify("stop", "Stopped")
        await until(lambda: another.shown)
        assert another.sent[0][0] == 0
        await another.stop()

    run(test)


def test_without_a_server_nothing_is_raised_and_the_next_notice_finds_one(session_bus: PrivateBus):
    async def test(notifier: Notifier) -> None:
        notifier.notify("start", "nobody sees this")
        server = NotificationServer()

        def again() -> dict[int, str]:
            notifier.notify("start", "Listening")
            return server.shown

        await server.start(session_bus.address)
        await until(again)
        await server.stop()

    run(test)


def test_a_restart_of_the_bus_is_outlived(session_bus: PrivateBus):
    async def test(notifier: Notifier) -> None:
        notifier.notify("start", "nobody sees this")
        session_bus.kill()
        notifier.notify("start", "nor this")
        session_bus.start()
        server = NotificationServer()
        await server.start(session_bus.address)

        def again() -> dict[int, str]:
            notifier.notify("start", "Listening")
            return server.shown

        await until(again)
        await server.stop()

    run(test)


def test_without_a_bus_it_starts_and_stops(session_bus: PrivateBus):
    session_bus.kill()

    async def test(notifier: Notifier) -> None:
        notifier.notify("start", "nobody sees this")

    run(test)
