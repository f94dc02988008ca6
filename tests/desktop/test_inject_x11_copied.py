"""Somebody copies while a window has not taken its text, or another program's clipboard stays."""

import asyncio
import contextlib
import threading
from contextlib import contextmanager

import pytest

from . import x11
from .cells import Stage, eventually
from .field import why_not
from .unproven import beside, copied, decided, pasting, unproven

pytestmark = [
    pytest.mark.desktop,
    pytest.mark.skipif(bool(x11.missing()), reason=f"{x11.missing()} is not installed"),
]

NEW = "the user's new copy"


@contextmanager
def shown(kind):
    """A stage of its own, and its field."""
    if reason := why_not(kind):
        pytest.skip(reason)
    stage = Stage()
    try:
        stage.layout("us")
        yield stage, stage.field(kind)
    finally:
        stage.close()


@pytest.mark.parametrize("end", ["thawed", "killed", "closed"])
@pytest.mark.parametrize("kind", ["tk", "gtk3"])
def test_what_was_handed_over_is_never_said_to_be_lost(kind, end):
    """The window stops in the middle of its reading, and somebody copies."""
    with shown(kind) as (stage, field):

        async def scene():
            injector = pasting(stage)
            with frozen_at_the_reading(stage, field):
                injection = await unproven(injector, "handed over")
            with copied(stage.screen, NEW):
                await injector.withdraw()
                assert not injection.proof.done()
                assert (await stage.injector.inject("more")).outcome == "refused"
                if end == "closed":
                    await stage.injector.close()
                    assert injection.proof.result() is None
                elif end == "killed":
                    field.kill()
                    assert await decided(injection.proof) is None
                else:
                    field.thaw()
                    assert await decided(injection.proof) is True
                    assert field.settles_on("handed over") == "handed over"

        asyncio.run(scene())


def test_a_canvas_swallows_nothing_after_a_copy_either():
    """Keys vanish in it as the paste did; an entry beside it gets its texts all the same."""
    with shown("canvas") as (stage, field):

        async def scene():
            injection = await unproven(stage.injector, "eighteen words")
            with copied(stage.screen, NEW):
                assert await decided(injection.proof) is False
                for _ in range(3):
                    refused = await stage.injector.inject("more")
                    assert (refused.outcome, refused.sent) == ("refused", 0)
                    assert refused.reason == "the window may still have a paste key to handle"
                with beside(stage, "tk") as entry:
                    for text in ("one ", "two"):
                        assert (await stage.injector.inject(text)).outcome == "confirmed"
                    assert entry.settles_on("one two") == "one two"
                assert eventually(stage.clipboard, NEW) == NEW
                field.wait_focused()
                assert (await stage.injector.inject("more")).outcome == "refused"

        asyncio.run(scene())


def test_a_window_without_pings_is_typed_into_while_the_clipboard_is_another_windows():
    with shown("canvas") as (stage, _):

        async def scene():
            await unproven(stage.injector, "eighteen words")
            with beside(stage, "tk") as entry:
                typed = await stage.injector.inject("more")
                assert (typed.outcome, typed.sent) == ("typed", 4)
                assert entry.settles_on("more") == "more"

        asyncio.run(scene())


def test_a_window_without_pings_is_not_typed_into_where_the_clipboard_cannot_be_kept():
    with shown("canvas") as (stage, _), large(stage.screen):
        refused = asyncio.run(stage.injector.inject("eighteen words"))
        assert refused.outcome == "refused"
        assert refused.reason == "the clipboard's content cannot be kept"


def test_an_entry_is_pasted_into_before_and_after_a_copy():
    with shown("tk") as (stage, field):

        async def scene():
            assert (await stage.injector.inject("before ")).outcome == "confirmed"
            with copied(stage.screen, NEW):
                assert (await stage.injector.inject("after")).outcome == "confirmed"
                assert field.settles_on("before after") == "before after"
                assert eventually(stage.clipboard, NEW) == NEW

        asyncio.run(scene())


def large(screen):
    """More than fits one request: its owner would send it in parts."""
    return copied(screen, "y" * 2_000_000)


@contextmanager
def frozen_at_the_reading(stage, field):
    """The window stops as soon as it was given the text, before it has seen it."""
    selection = stage.injector._display._session._paster._selection
    convert = selection._convert

    def converting(requestor, target, prop):
        if target in selection.offer.content:
            field.freeze()
        return convert(requestor, target, prop)

    selection._convert = converting
    try:
        yield
    finally:
        selection._convert = convert


def test_a_copy_while_the_key_is_pressed_is_the_users():
    """The key may paste it: so the text is refused, to be held, and the display stays in use."""
    with shown("gtk3") as (stage, field):
        desk = stage.injector._display._session
        press, copies = desk._keyboard.press, contextlib.ExitStack()

        def pressing(*arguments, **options):
            # Beside the display's thread: who copies reads the clipboard, which that one serves.
            copy = threading.Thread(target=copies.enter_context, args=(copied(stage.screen, NEW),))
            copy.start()

            def is_copied():
                return not copy.is_alive() and desk._paster._selection.offer is None

            assert desk.connection.pump(is_copied, 30, poll_s=0.05)
            return press(*arguments, **options)

        desk._keyboard.press = pressing
        with copies:
            injection = asyncio.run(pasting(stage).inject("not this"))
            desk._keyboard.press = press
            assert (injection.outcome, injection.sent) == ("refused", 0)
            assert injection.reason == "another program copied meanwhile"
            assert eventually(stage.clipboard, NEW) == NEW
            assert asyncio.run(stage.by("type").inject("typed")).outcome == "confirmed"
            assert "not this" not in field.text()
