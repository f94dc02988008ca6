"""What a window has been told to take and has not taken: kept for it, taken back, or given up."""

import asyncio

import pytest

from . import x11
from .cells import eventually
from .field import Field, why_not
from .unproven import (
    OLD,
    beside,
    clipboard,
    copied,
    decided,
    field_of,
    frozen_at_the_key,
    pasting,
    unproven,
    until,
)

pytestmark = [
    pytest.mark.desktop,
    pytest.mark.shared_stage,
    pytest.mark.usefixtures("old_copy"),
    pytest.mark.skipif(bool(x11.missing()), reason=f"{x11.missing()} is not installed"),
]


@pytest.mark.parametrize("kind", ["tk", "gtk3"])
def test_a_text_waits_alone_for_the_window_it_is_for(stage, kind):
    field = field_of(stage, kind)

    async def scene():
        injector = pasting(stage)
        with frozen_at_the_key(stage.injector, field):
            injection = await unproven(injector, "first ")
        assert clipboard(stage.screen) == "", "neither the old clipboard nor the text is anybody's"
        for text in ("second", "third"):
            refused = await injector.inject(text)
            assert (refused.outcome, refused.sent) == ("refused", 0)
            assert "before" in refused.reason
        assert (await stage.by("type").inject("typed")).outcome == "refused"
        assert await injector.offer("held") is False
        assert not injection.proof.done()
        field.thaw()
        assert await decided(injection.proof) is True
        await until(injector.inject, "last")

    asyncio.run(scene())
    assert field.settles_on("first last") == "first last"
    assert eventually(stage.clipboard, OLD) == OLD


@pytest.mark.parametrize("kind", ["tk", "gtk3", "gtk4", "qt6", "chromium"])
def test_what_is_taken_back_goes_elsewhere_and_nowhere_else(stage, kind):
    field = field_of(stage, kind)

    async def scene():
        injector = pasting(stage)
        with frozen_at_the_key(stage.injector, field):
            injection = await unproven(injector, "taken back")
        await injector.withdraw()
        assert injection.proof.done()
        assert injection.proof.result() is False
        assert clipboard(stage.screen) == ""
        with beside(stage, "xterm") as other:
            typed = await stage.injector.inject("taken back")
            assert typed.outcome == "typed"
            assert other.settles_on("taken back") == "taken back"
        field.thaw()
        field.wait_focused()
        await until(injector.inject, "the next")

    asyncio.run(scene())
    assert field.settles_on("the next") == "the next"
    assert eventually(stage.clipboard, OLD) == OLD


@pytest.mark.parametrize("kind", ["tk", "gtk4", "chromium"])
def test_a_window_that_ends_never_took_it(stage, kind):
    field = field_of(stage, kind)

    async def scene():
        injector = pasting(stage)
        with frozen_at_the_key(stage.injector, field):
            injection = await unproven(injector, "lost")
        field.kill()
        assert await decided(injection.proof) is False

    asyncio.run(scene())
    assert eventually(stage.clipboard, OLD) == OLD


def test_a_window_that_is_destroyed_while_its_program_lives_gets_nothing_any_more(stage):
    """Destroyed from outside: the key is still in its queue, in front of the news."""
    field = field_of(stage, "tk")

    async def scene():
        injector = pasting(stage)
        with frozen_at_the_key(stage.injector, field):
            injection = await unproven(injector, "lost")
        stage.screen.run("xdotool", "getwindowfocus", "windowclose")
        assert await decided(injection.proof) is False
        assert clipboard(stage.screen) == ""
        field.thaw()

    asyncio.run(scene())
    assert eventually(stage.clipboard, OLD, 20) == OLD


def test_a_window_that_lets_the_key_pass_is_proven_not_to_take_it(stage):
    field_of(stage, "deaf")
    injection = asyncio.run(pasting(stage).inject("for nobody"))
    assert injection.outcome == "refused"
    assert injection.reason == "the window did not ask for the clipboard"
    assert eventually(stage.clipboard, OLD) == OLD


def test_a_late_pong_that_nothing_followed_proves_it_too(stage):
    field = field_of(stage, "deaf")

    async def scene():
        injector = pasting(stage)
        with frozen_at_the_key(stage.injector, field):
            injection = await unproven(injector, "for nobody")
        field.thaw()
        assert await decided(injection.proof) is False

    asyncio.run(scene())
    assert eventually(stage.clipboard, OLD) == OLD


def test_a_canvas_swallows_nothing(stage):
    """It answers no ping and pastes nothing: nothing proves that it will not."""
    field = field_of(stage, "canvas")

    async def scene():
        injection = await unproven(stage.injector, "eighteen words")
        for _ in range(3):
            assert (await stage.injector.inject("more")).outcome == "refused"
        await stage.injector.withdraw()
        assert await decided(injection.proof) is False
        assert (await stage.injector.inject("more")).outcome == "refused"
        with beside(stage, "gtk3") as other:
            assert (await stage.injector.inject("elsewhere")).outcome == "confirmed"
            assert other.settles_on("elsewhere") == "elsewhere"
        field.kill()

    asyncio.run(scene())
    assert eventually(stage.clipboard, OLD) == OLD


def test_a_page_that_hangs_is_not_proven_by_its_browser(stage):
    field = field_of(stage, "chromium")
    stage.screen.run("xdotool", "getwindowfocus")

    async def scene():
        injector = pasting(stage)
        field.freeze_page()
        injection = await unproven(injector, "for the page")
        await asyncio.sleep(1)
        assert not injection.proof.done(), "the browser's pong says nothing of the page"
        field.thaw()
        assert await decided(injection.proof) is True

    asyncio.run(scene())
    assert field.settles_on("for the page") == "for the page"
    assert eventually(stage.clipboard, OLD) == OLD


def test_who_copies_meanwhile_keeps_what_he_copied(stage):
    field = field_of(stage, "tk")

    async def scene():
        injector = pasting(stage)
        with frozen_at_the_key(stage.injector, field):
            injection = await unproven(injector, "lost")
        with copied(stage.screen, "the user's new copy"):
            assert await decided(injection.proof) is False
            assert (await injector.inject("more")).outcome == "refused"
            assert clipboard(stage.screen) == "the user's new copy"

    asyncio.run(scene())
    field.thaw()


@pytest.mark.parametrize("kind", ["gtk3", "qt6"])
def test_typed_keys_are_proven_by_a_late_pong(stage, kind):
    field = field_of(stage, kind)

    async def scene():
        injector = stage.by("type")
        field.freeze()
        injection = await injector.inject("before. typed while it stood")
        assert injection.outcome == "unproven"
        assert injection.confirmed == 0
        assert (await injector.inject("x")).outcome == "refused"
        await injector.withdraw()
        assert not injection.proof.done(), "keys cannot be taken back"
        field.thaw()
        assert await decided(injection.proof) is True
        await until(injector.inject, "!")

    asyncio.run(scene())
    wanted = "before. typed while it stood!"
    assert field.settles_on(wanted) == wanted


def test_typed_keys_die_with_their_window(stage):
    field = field_of(stage, "gtk3")

    async def scene():
        field.freeze()
        injection = await stage.by("type").inject("typed while it stood")
        assert injection.outcome == "unproven"
        field.kill()
        assert await decided(injection.proof) is False

    asyncio.run(scene())


@pytest.mark.parametrize("kind", ["xterm", "gtk3"])
def test_keys_that_wait_keep_their_letters(stage, kind):
    """A window reads the keymap when it handles a key: no remapping may come in between."""
    field = field_of(stage, kind)
    first = "中文字符 Ελληνικά жизнь"
    many = "".join(chr(0x4E00 + 7 * n) for n in range(300))

    async def scene():
        typing = stage.by("type")
        await typing.inject(first)
        assert field.settles_on(first) == first
        field.freeze()
        injection = await typing.inject(first)
        assert injection.outcome == ("typed" if kind == "xterm" else "unproven")
        with beside(stage, "gtk4") as other:
            assert (await typing.inject(many)).outcome == "confirmed"
            assert other.settles_on(many) == many
        if kind == "xterm":
            field.wait_focused()
            refused = await typing.inject(many)
            assert (refused.outcome, "spare key" in refused.reason) == ("partial", True), refused
            return first + first + many[: refused.sent]
        return first + first

    wanted = asyncio.run(scene())
    field.thaw()
    assert field.settles_on(wanted, 2) == wanted
    field.wait_focused()
    field.clear()
    asyncio.run(stage.by("type").inject(many[:200]))
    assert field.settles_on(many[:200], 2) == many[:200]


def test_a_terminal_is_told_by_what_it_does(stage):
    """Under another name, and with a clipboard that would run: no paste key is pressed."""
    if reason := why_not("xterm"):
        pytest.skip(reason)
    field = Field("xterm", stage.screen.environment | {"XTERM_CLASS": "Unheardof"})
    try:
        field.wait_focused()
        injection = asyncio.run(stage.injector.inject("typed here"))
        assert injection.outcome == "typed"
        assert field.settles_on("typed here") == "typed here"
    finally:
        field.stop()
