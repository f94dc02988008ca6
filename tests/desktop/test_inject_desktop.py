"""The session's injector through displays that come and go."""

import asyncio

import pytest

from swictation.config.settings import InjectSettings
from swictation.inject.desktop import DesktopInjector
from swictation.inject.registry import openers

from . import sway, x11
from .cells import Stage, eventually
from .field import why_not
from .wayland_stage import WaylandStage

ONE = next((kind for kind in ("gtk3", "qt6", "gtk4") if not why_not(kind)), "")
SOON_S = 0.2

pytestmark = [
    pytest.mark.desktop,
    pytest.mark.skipif(bool(x11.missing()), reason=f"{x11.missing()} is not installed"),
    pytest.mark.skipif(not ONE, reason="neither gtk3, gtk4 nor qt6 is installed"),
]


@pytest.fixture(autouse=True)
def no_display(monkeypatch):
    monkeypatch.setenv("DISPLAY", ":4321")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)


@pytest.fixture
def stage():
    stage = Stage(x11.own_name())
    yield stage
    stage.close()


def desktop(*chain, on_change=lambda: None):
    settings = InjectSettings(chain=chain)
    return DesktopInjector(openers(chain, settings), SOON_S, on_change=on_change)


async def until(condition):
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.02)


# python-xlib leaves the socket of a connection that failed to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_display_that_comes_goes_and_comes_again_is_used(stage, monkeypatch):
    changes = []
    injector = desktop("wayland", "x11", on_change=lambda: changes.append(injector.name))

    async def use():
        await injector.start()
        assert injector.name == ""
        assert "wayland: " in injector.why
        assert "x11: no X server" in injector.why
        assert (await injector.inject("lost?")).outcome == "refused"
        monkeypatch.setenv("DISPLAY", stage.screen.name)
        await until(lambda: injector.name)
        field = await asyncio.to_thread(stage.field, ONE)
        assert (await injector.inject("first")).outcome == "confirmed"
        assert await asyncio.to_thread(field.settles_on, "first") == "first"
        stage.screen.server.kill()
        await until(lambda: injector.lost)
        assert (await injector.inject("while it is gone")).outcome == "refused"
        again = await asyncio.to_thread(Stage)
        monkeypatch.setenv("DISPLAY", again.screen.name)
        await until(lambda: not injector.lost)
        field = await asyncio.to_thread(again.field, ONE)
        assert (await injector.inject("second")).outcome == "confirmed"
        assert await asyncio.to_thread(field.settles_on, "second") == "second"
        await injector.close()
        await asyncio.to_thread(again.close)

    asyncio.run(use())
    assert changes[:2] == ["", "x11"]
    assert changes[-1] == "x11"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_the_last_resort_is_used_only_where_the_chain_names_it(stage, monkeypatch):
    monkeypatch.setenv("DISPLAY", stage.screen.name)

    async def use(injector):
        await injector.start()
        offered = await injector.offer("held words")
        there = await asyncio.to_thread(stage.clipboard)
        await injector.close()
        return offered, there

    assert asyncio.run(use(desktop("x11"))) == (False, "")
    assert asyncio.run(use(desktop("x11", "clipboard"))) == (True, "held words")


def test_the_clipboard_alone_takes_each_text(stage, monkeypatch):
    monkeypatch.setenv("DISPLAY", stage.screen.name)
    injector = desktop("clipboard")

    async def use():
        await injector.start()
        assert injector.name == "clipboard"
        injection = await injector.inject("words")
        assert (injection.outcome, injection.reason) == ("typed", "on the clipboard")
        assert await asyncio.to_thread(stage.clipboard) == "words"
        await injector.close()

    asyncio.run(use())


@pytest.mark.skipif(bool(sway.missing()), reason=sway.missing())
def test_under_wayland_the_chain_begins_with_it(monkeypatch):
    stage = WaylandStage()
    asyncio.run(stage.injector.close())
    monkeypatch.setenv("WAYLAND_DISPLAY", stage.sway.display)

    async def use(*chain):
        injector = desktop(*chain)
        await injector.start()
        name = injector.name
        await injector.inject("words")
        there = await asyncio.to_thread(eventually, stage.clipboard, "words", 1.0)
        await injector.close()
        return name, there

    try:
        assert asyncio.run(use("wayland", "x11", "clipboard")) == ("wayland", "")
        assert asyncio.run(use("clipboard")) == ("clipboard", "words")
    finally:
        stage.close()
