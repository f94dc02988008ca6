"""Programs that look at the clipboard when nobody expects it: a look proves no arrival."""

import asyncio

import pytest

from swictation.inject.x11.injector import X11Injector

from . import x11
from .cells import eventually
from .unproven import (
    GUARD_S,
    OLD,
    decided,
    field_of,
    frozen_at_the_key,
    pasting,
    unproven,
)

pytestmark = [
    pytest.mark.desktop,
    pytest.mark.shared_stage,
    pytest.mark.usefixtures("old_copy"),
    pytest.mark.skipif(bool(x11.missing()), reason=f"{x11.missing()} is not installed"),
]


def test_a_program_that_thinks_between_two_looks_gets_the_text_at_both(stage):
    """No stop, no pong: that it has looked once does not say that it is through."""
    field = field_of(stage, "tktwice")

    async def scene():
        injection = await unproven(pasting(stage), "for both looks")
        assert await decided(injection.proof) is True

    asyncio.run(scene())
    assert field.settles_on("for both looks") == "for both looks"
    assert eventually(stage.clipboard, OLD) == OLD


@pytest.mark.parametrize("layout", ["us", "ru"])
def test_a_browser_has_what_it_pastes_under_any_layout(stage, layout):
    """Without a v on the layout it gets Shift+Insert, at which nothing but its page reads."""
    field = field_of(stage, "chromium")
    stage.layout(layout)
    for text in ("one ", "and two "):
        assert asyncio.run(pasting(stage).inject(text)).outcome == "confirmed"
    assert field.settles_on("one and two ") == "one and two "


@pytest.mark.parametrize("order", ["think-at-key", "think-at-paste"])
def test_a_look_of_the_browser_does_not_count_for_its_page(stage, order):
    """It looks at the text before its busy page has handled the key; some pastes it then drops."""
    field = field_of(stage, "chromium")
    field.do(order)

    async def scene():
        arrived = ""
        for text in ("one ", "two "):
            injection = await pasting(stage).inject(text)
            if injection.proof:
                await asyncio.wait({injection.proof}, timeout=GUARD_S)
                taken = injection.proof.result() is True
            else:
                taken = injection.outcome == "confirmed"
            arrived += text if taken else ""
        return arrived

    arrived = asyncio.run(scene())
    assert eventually(stage.clipboard, OLD) == OLD
    assert field.settles_on(arrived, 2) == arrived


def test_who_reads_each_new_clipboard_has_not_pasted_by_that(stage):
    field_of(stage, "watcher")
    injection = asyncio.run(pasting(stage).inject("for nobody"))
    assert injection.outcome == "refused"
    assert injection.reason == "the window reads everything that is copied"
    assert eventually(stage.clipboard, OLD) == OLD


def test_who_pastes_late_gets_nothing_that_was_copied(stage):
    """It answered two pings, with a pause between, before it looked."""
    field = field_of(stage, "late")
    injection = asyncio.run(pasting(stage).inject("for nobody"))
    assert injection.outcome == "refused"
    assert eventually(lambda: field.do("pastes"), "1") == "1"
    assert field.text() == ""
    assert eventually(stage.clipboard, OLD) == OLD


@pytest.mark.parametrize("kind", ["tk", "gtk3"])
def test_a_key_that_outlived_its_daemon_takes_no_text_of_the_next(stage, kind):
    """Two keys would make the window paste the next text twice. Tk proves no typing either."""
    field = field_of(stage, kind)

    async def scene():
        first = await X11Injector.open(stage.screen.name, "paste")
        with frozen_at_the_key(first, field):
            await unproven(first, "before. ")
        await first.close()
        for injector in (stage.injector, pasting(stage)) if kind == "tk" else (pasting(stage),):
            refused = await injector.inject("twice. ")
            assert (refused.outcome, refused.sent) == ("refused", 0)
        field.thaw()
        if kind == "gtk3":
            assert (await pasting(stage).inject("after")).outcome == "confirmed"

    asyncio.run(scene())
    wanted = "after" if kind == "gtk3" else ""
    assert field.settles_on(wanted) == wanted


def test_a_pong_that_comes_during_a_look_is_looked_at(stage):
    """It was seen with the next event, up to a minute later."""
    field = field_of(stage, "gtk3")

    async def scene():
        field.freeze()
        injection = await stage.by("type").inject("typed")
        assert injection.outcome == "unproven"
        desk = stage.injector._display._session
        tend, wait = desk.tend, next(iter(desk._unread._waits.values()))

        def tend_and_hear():
            desk.tend = tend
            tend()
            field.thaw()
            desk.connection.pump(lambda: desk._barrier.has_answered(wait.focus, wait.ping), GUARD_S)

        desk.tend = tend_and_hear
        await asyncio.wrap_future(stage.injector._display.call(lambda _: None))
        assert await asyncio.wait_for(injection.proof, GUARD_S / 2) is True

    asyncio.run(scene())
