"""A cancel while the window is being told to take a text: it is taken back."""

import asyncio

import pytest

from fakes.typist import typing
from swictation.errors import InjectError

pytestmark = pytest.mark.unit


async def drop_meanwhile(typist):
    """Cancel once the injection has begun, whose window has not taken it when it ends."""
    await typist.windows.is_asked.wait()
    for _ in range(20):  # past the question who has the focus
        typist.windows.answer()
        await typist.windows.is_asked.wait()
        if typist.windows.is_injecting:
            break
    typist.delivery.drop()


def test_what_is_being_sent_is_taken_back():
    async def test(typist):
        typist.windows.leave()
        with typist.windows.held_up():
            typist.say(0, "One.")
            await drop_meanwhile(typist)
        await typist.hear(1, "Two.")
        assert not typist.windows.waiting
        assert (typist.field, typist.held) == ("Two.", "")

    typing(test)


def test_its_rest_is_not_sent_either():
    async def test(typist):
        typist.windows.leave(sent=6, confirmed=4)
        with typist.windows.held_up():
            typist.say(0, "Good morning", " all.")
            await drop_meanwhile(typist)
        await typist.settle()
        assert not typist.windows.waiting
        assert (typist.field, typist.held) == ("Good", "")

    typing(test)


@pytest.mark.parametrize("is_held", [True, False])
def test_what_paste_last_is_typing_is_taken_back(is_held):
    async def test(typist):
        typist.delivery.begin_dictation()
        if is_held:
            typist.windows.refuse()
        await typist.hear(0, "One.")
        before = typist.field
        typist.windows.leave()
        with typist.windows.held_up():
            asked = asyncio.create_task(typist.delivery.paste_last())
            await drop_meanwhile(typist)
        with pytest.raises(InjectError):
            await asked
        assert not typist.windows.waiting
        assert (typist.field, typist.held) == (before, "")

    typing(test)


def test_keys_that_cannot_be_taken_back_are_waited_for():
    async def test(typist):
        typist.windows.leave(is_keys=True)
        with typist.windows.held_up():
            typist.say(0, "One.")
            await drop_meanwhile(typist)
        typist.say(1, "Two.")
        await typist.until_waiting(2)
        assert typist.windows.log == []
        typist.windows.take()
        await typist.settle()
        assert (typist.field, typist.held) == ("One. Two.", "")

    typing(test)
