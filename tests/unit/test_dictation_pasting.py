"""`paste-last` while a window has not taken a text: taken back, or nothing is typed before it."""

import asyncio

import pytest

from fakes.typist import typing
from swictation.errors import InjectError
from swictation.events import Injected

pytestmark = pytest.mark.unit


def test_paste_last_in_another_window_takes_it_back_and_types_all_in_order():
    async def test(typist):
        typist.windows.leave()
        await typist.hear(0, "One.")
        await typist.hear(1, "Two.")
        typist.windows.focused = "chat"
        assert await typist.delivery.paste_last() == 2
        assert typist.windows.fields == {"editor": "", "chat": "One. Two."}
        assert sorted(typist.released) == [(0,), (1,)]
        assert not typist.windows.waiting

    typing(test, "editor", "chat", patience_s=0.0)


def test_what_was_taken_at_the_last_moment_is_not_typed_again():
    async def test(typist):
        typist.windows.leave()
        await typist.hear(0, "One.")
        await typist.hear(1, "Two.")
        typist.windows.focused, typist.windows.is_quick = "chat", True
        assert await typist.delivery.paste_last() == 1
        assert typist.windows.fields == {"editor": "One.", "chat": "Two."}

    typing(test, "editor", "chat", patience_s=0.0)


def test_when_all_of_it_was_taken_at_the_last_moment_nothing_is_typed():
    async def test(typist):
        typist.windows.leave()
        await typist.hear(0, "One.")
        typist.windows.focused, typist.windows.is_quick = "chat", True
        assert await typist.delivery.paste_last() == 0
        assert typist.windows.fields == {"editor": "One.", "chat": ""}

    typing(test, "editor", "chat")


@pytest.mark.parametrize("is_keys", [False, True])
def test_paste_last_in_the_same_window_says_what_to_do_and_types_nothing(is_keys):
    async def test(typist):
        typist.windows.leave(is_keys=is_keys)
        await typist.hear(0, "One.")
        await typist.hear(1, "Two.")
        with pytest.raises(InjectError, match="editor has not taken") as raised:
            await typist.delivery.paste_last()
        assert "into another window" in raised.value.remedy
        assert (typist.field, typist.held) == ("", "One. Two.")
        assert len(typist.windows.waiting) == 1, "it was not taken back"

    typing(test, patience_s=0.0)


def test_keys_are_not_taken_back_and_nothing_behind_them_is_typed():
    async def test(typist):
        typist.windows.refuse()
        await typist.hear(0, "Zero.")
        typist.windows.leave(is_keys=True)
        await typist.hear(1, "One.")
        await typist.hear(2, "Two.")
        typist.windows.focused = "chat"
        with pytest.raises(InjectError, match="has not taken") as raised:
            await typist.delivery.paste_last()
        assert "close that window" in raised.value.remedy
        assert typist.windows.fields == {"editor": "", "chat": "Zero."}
        assert typist.held == "One. Two."
        typist.windows.die("editor")
        assert await typist.delivery.paste_last() == 2
        assert typist.windows.fields == {"editor": "", "chat": "Zero. One. Two."}

    typing(test, "editor", "chat", patience_s=0.0)


@pytest.mark.parametrize("is_taken", [True, False])
def test_what_paste_last_types_may_be_unproven_as_well(is_taken):
    async def test(typist):
        typist.windows.refuse(times=2)
        await typist.hear(0, "One", " two.")
        await typist.hear(1, "Three.")
        typist.windows.leave(sent=3)
        asked = asyncio.create_task(typist.delivery.paste_last())
        await typist.until(Injected, 4)
        await asyncio.sleep(0)
        assert len(typist.windows.waiting) == 1
        if is_taken:
            typist.windows.take()
            await asked
            assert (typist.field, typist.held) == ("One two. Three.", "")
        else:
            typist.windows.die("editor")
            with pytest.raises(InjectError, match="still held"):
                await asked
            assert (typist.field, typist.held) == ("", "One two. Three.")

    typing(test)


@pytest.mark.parametrize("sent", [3, 1000])
def test_what_arrived_late_is_never_repeated(sent):
    async def test(typist):
        typist.delivery.begin_dictation()
        typist.windows.leave(sent)
        typist.say(0, "One two.")
        await typist.until_waiting()
        typist.windows.take()
        await typist.settle()
        assert typist.field == "One two."
        with pytest.raises(InjectError, match="not typed again"):
            await typist.delivery.paste_last()
        typist.delivery.begin_dictation()
        await typist.hear(1, "Three.")
        await typist.delivery.paste_last()
        assert typist.field == "One two. Three. Three."

    typing(test)
