"""What is told of a text that lies unread: beside other windows, after our connection's end."""

import asyncio
import contextlib
import os
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator

import pytest

from desktop import sway as compositor
from desktop.busy_wayland import Desk, focused, shown
from desktop.sway import WaylandField
from patience import PATIENCE_S
from swictation.inject.wayland import injector as port
from swictation.inject.wayland import paster
from swictation.inject.wayland.backlog import LARGEST, Backlog
from swictation.inject.wayland.chain import Method
from swictation.inject.wayland.client.wire import WireError
from swictation.inject.wayland.injector import WaylandInjector

pytestmark = [
    pytest.mark.desktop,
    pytest.mark.skipif(bool(compositor.missing()), reason=compositor.missing()),
]


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    yield desk
    desk.close()


def test_a_page_that_stands_still_gets_the_text_or_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paster, "GIVES_UP_S", 14.0)

    async def use() -> None:
        field = await asyncio.to_thread(shown, desk, "chromium")
        await asyncio.to_thread(desk.copy)
        injector = await WaylandInjector.open(desk.sway.display, ("paste",))
        into = await focused(injector, tells=False)
        field.freeze()
        sent = await injector.inject("said once ", into)
        field.thaw_all_but_page()
        assert sent.proof
        assert await asyncio.wait_for(sent.proof, PATIENCE_S) is False
        assert await asyncio.to_thread(desk.pasted) == ""
        field.thaw()
        assert await asyncio.to_thread(field.settles_on, "", 3.0) == ""
        assert desk.pasted() in ("", desk.old)
        await asyncio.to_thread(field.stop)
        assert await asyncio.to_thread(desk.pasted_in_the_end) == desk.old
        await injector.close()

    asyncio.run(use())


async def beside_a_stopped_one(
    desk: Desk, methods: tuple[Method, ...], use: Callable[..., Awaitable[None]]
) -> None:
    """Call `use` with a stopped gtk3 in the background and a gtk4 that has the focus."""
    stopped = await asyncio.to_thread(shown, desk, "gtk3")
    await asyncio.to_thread(desk.copy)
    injector = await WaylandInjector.open(desk.sway.display, methods)
    beneath = await focused(injector, tells=False)
    field = await asyncio.to_thread(WaylandField, "gtk4", desk.sway)
    try:
        await asyncio.to_thread(field.wait_focused)
        while (await focused(injector, tells=False)).id == beneath.id:
            await asyncio.sleep(0.05)
        stopped.freeze()
        await use(injector, stopped, field)
    finally:
        stopped.thaw()
        await injector.close()
        await asyncio.to_thread(field.stop)


@pytest.mark.parametrize("way", ["type", "paste"])
def test_what_another_window_has_unread_decides_nothing(desk: Desk, way: Method) -> None:
    texts = ("plain ", "naïve — ☃ ", "日本 ŧł ", "зима ")

    async def use(injector: WaylandInjector, _: WaylandField, field: WaylandField) -> None:
        for text in texts:
            await asyncio.to_thread(desk.press_another_keyboard)
            result = await injector.inject(text)
            assert result.outcome == ("typed" if way == "type" else "confirmed"), text
        assert await asyncio.to_thread(field.settles_on, "".join(texts)) == "".join(texts)

    asyncio.run(beside_a_stopped_one(desk, (way,), use))


@pytest.mark.parametrize("way", ["type", "commit"])
def test_another_stopped_window_that_is_killed_takes_no_text_along(desk: Desk, way: Method) -> None:
    async def use(injector: WaylandInjector, stopped: WaylandField, field: WaylandField) -> None:
        await focused(injector, tells=way == "commit")
        field.freeze()
        result = await injector.inject("naïve — ☃ ")
        assert result.outcome == "unproven"
        assert result.proof
        await asyncio.to_thread(stopped.process.kill)
        await asyncio.to_thread(stopped.process.wait)
        field.thaw()
        assert await asyncio.wait_for(result.proof, PATIENCE_S) is True
        assert await asyncio.to_thread(field.settles_on, "naïve — ☃ ") == "naïve — ☃ "

    asyncio.run(beside_a_stopped_one(desk, (way,), use))


@pytest.mark.parametrize("way", ["type", "commit", "paste"])
def test_what_lies_unread_as_our_connection_ends_is_told_as_far_as_one_can_know(
    desk: Desk, way: Method
) -> None:
    async def use() -> None:
        window = await asyncio.to_thread(shown, desk, "gtk4")
        injector = await WaylandInjector.open(desk.sway.display, (way,))
        into = await focused(injector, tells=way == "commit")
        window.freeze()
        sent = await injector.inject("said once ", into)
        assert sent.outcome == "unproven"
        await injector.close()
        assert sent.proof
        assert sent.proof.done()
        assert sent.proof.result() is (False if way == "paste" else None)
        window.thaw()
        expected = "" if way == "paste" else "said once "
        assert await asyncio.to_thread(window.settles_on, expected) == expected

    asyncio.run(use())


def test_what_a_window_had_unread_has_not_arrived_when_the_compositor_dies(desk: Desk) -> None:
    async def use() -> None:
        window = await asyncio.to_thread(shown, desk, "gtk4")
        injector = await WaylandInjector.open(desk.sway.display, ("type",))
        into = await focused(injector, tells=False)
        window.freeze()
        sent = await injector.inject("said once ", into)
        desk.sway.process.kill()
        desk.sway.process.wait()
        assert sent.proof
        assert not await asyncio.wait_for(sent.proof, PATIENCE_S)
        await injector.close()

    asyncio.run(use())


@pytest.mark.parametrize("way", ["type", "paste"])
def test_no_proof_stays_open_when_the_thread_is_stuck(desk: Desk, way: Method) -> None:
    async def use() -> None:
        window = await asyncio.to_thread(shown, desk, "gtk4")
        injector = await WaylandInjector.open(desk.sway.display, (way,))
        into = await focused(injector, tells=False)
        window.freeze()
        sent = await injector.inject("said once ", into)
        assert sent.proof
        stuck = threading.Event()
        with contextlib.suppress(WireError):  # it is stuck
            await injector._connection.call(lambda: stuck.wait(60), 0.1)
        await injector.close()
        assert sent.proof.done()
        assert not sent.proof.result()
        stuck.set()

    asyncio.run(use())


def test_a_terminal_by_another_name_gets_no_paste_key(desk: Desk) -> None:
    async def use() -> None:
        first = await asyncio.to_thread(shown, desk, "gtk4")
        await asyncio.to_thread(desk.copy)
        injector = await WaylandInjector.open(desk.sway.display, ("paste", "type"))
        beneath = await focused(injector, tells=False)
        foot = await asyncio.to_thread(WaylandField, "foot", desk.sway, "--app-id=x")
        try:
            await asyncio.to_thread(foot.wait_focused)
            while (await focused(injector, tells=False)).id == beneath.id:
                await asyncio.sleep(0.05)
            for _ in range(5):
                await asyncio.to_thread(desk.press_another_keyboard)
                assert (await injector.inject("word ")).outcome == "typed"
            assert await asyncio.to_thread(foot.settles_on, "word " * 5) == "word " * 5
            await asyncio.to_thread(desk.sway.message, "focus", "left")
            while (await focused(injector, tells=False)).id != beneath.id:
                await asyncio.sleep(0.05)
            await asyncio.to_thread(desk.press_another_keyboard)
            assert (await injector.inject("word ")).outcome == "confirmed"
            assert await asyncio.to_thread(first.settles_on, "word ") == "word "
        finally:
            await injector.close()
            await asyncio.to_thread(foot.stop)

    asyncio.run(use())


@pytest.mark.parametrize("way", ["type", "commit"])
def test_what_lies_unread_as_the_connection_breaks_within_a_text_may_have_arrived(
    desk: Desk, way: Method
) -> None:
    text = "word " * 400

    async def use() -> None:
        window = await asyncio.to_thread(shown, desk, "gtk4")
        injector = await WaylandInjector.open(desk.sway.display, (way,))
        into = await focused(injector, tells=way == "commit")
        window.freeze()
        injecting = asyncio.create_task(injector.inject(text, into))
        await asyncio.sleep(0.5)  # it waits for room by now, or will when it finds itself cut off
        with socket.socket(fileno=os.dup(injector._connection.display.fileno())) as link:
            link.shutdown(socket.SHUT_RDWR)
        sent = await injecting
        assert sent.outcome == "unproven"
        assert sent.proof
        assert await asyncio.wait_for(sent.proof, PATIENCE_S) is None
        window.thaw()
        held = await asyncio.to_thread(window.settles_on, text[: sent.sent])
        assert held
        assert text[: sent.sent].startswith(held)  # its last word may not have left us
        await injector.close()

    asyncio.run(use())


def test_keys_are_no_way_out_where_neither_window_nor_kernel_tells(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def use() -> None:
        field = await asyncio.to_thread(shown, desk, "gtk3")
        await asyncio.to_thread(desk.copy)
        owner = desk._copied[-1]
        injector = await WaylandInjector.open(desk.sway.display, ("paste", "type"))
        await focused(injector, tells=False)
        os.killpg(owner.pid, 19)  # its clipboard cannot be kept
        assert (await injector.inject("one ")).outcome == "typed"
        monkeypatch.setattr(Backlog, "unread", lambda _: None)  # as without CONFIG_UNIX_DIAG
        assert (await injector.inject("two ")).outcome == "refused"
        monkeypatch.undo()
        os.killpg(owner.pid, 18)
        assert await asyncio.to_thread(field.settles_on, "one ") == "one "
        await injector.close()

    asyncio.run(use())


@pytest.mark.parametrize("way", ["type", "commit"])
def test_no_more_waits_in_a_window_than_the_compositor_bears(desk: Desk, way: Method) -> None:
    async def use() -> None:
        window = await asyncio.to_thread(shown, desk, "gtk4")
        injector = await WaylandInjector.open(desk.sway.display, (way,))
        into = await focused(injector, tells=way == "commit")
        window.freeze()
        sent = await injector.inject(("aB" * 19 + "é ") * 100, into)
        backlog = Backlog(injector._connection.display.address())
        assert sent.outcome == "unproven"
        assert sent.sent
        assert max((backlog.unread() or {0: 0}).values()) <= LARGEST
        await injector.close()

    asyncio.run(use())


def test_a_text_that_takes_too_long_is_cut_where_it_says(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "word " * 2000
    monkeypatch.setattr(port, "DELIVER_S", 1.0 - len(text) / 500)

    async def use() -> None:
        window = await asyncio.to_thread(shown, desk, "gtk3")
        injector = await WaylandInjector.open(desk.sway.display, ("type",))
        into = await focused(injector, tells=False)
        sent = await injector.inject(text, into)
        assert sent.outcome in ("partial", "refused")  # refused where its time was over before
        assert sent.sent < len(text)
        arrived = text[: sent.sent]
        assert await asyncio.to_thread(window.settles_on, arrived, 1.5) == arrived
        await injector.close()

    asyncio.run(use())
