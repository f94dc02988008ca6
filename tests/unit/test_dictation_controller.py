"""Commands and what comes of them: captures, the screen lock, the end."""

import asyncio

import pytest

from fakes.dictated import dictated
from swictation.dictation import controller as module
from swictation.errors import NothingRecorded, SwictationError
from swictation.events import StopRequested

pytestmark = pytest.mark.unit


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(module, "_CAPTURE_PATIENCE_S", 0.05)


async def capturing(one):
    """A capture that has begun to listen."""
    asked = asyncio.create_task(one.dictation.capture())
    while one.dictation.state != "listening":
        await asyncio.sleep(0)
    return asked


async def silence_begins(one):
    """Wait until it does not listen any more."""
    while one.dictation.state == "listening":
        await asyncio.sleep(0.01)


def test_what_is_captured_is_returned_and_typed_nowhere():
    async def test(one):
        asked = await capturing(one)
        await one.say(0, "Hello there.")
        assert await asked == "Hello there."
        assert one.dictation.state == "transcribing", "the microphone is closed"
        await one.heard()
        assert (one.field, one.dictation.state) == ("", "idle")

    dictated(test)


def test_each_capture_is_a_text_of_its_own():
    async def test(one):
        for number in range(2):
            asked = await capturing(one)
            await one.say(number, "the same words")
            assert await asked == "The same words"
            await one.heard()

    dictated(test)


def test_a_capture_in_which_nobody_speaks_ends(impatient):
    async def test(one):
        asked = await capturing(one)
        await silence_begins(one)
        await one.heard()
        with pytest.raises(NothingRecorded):
            await asked
        assert one.dictation.state == "idle"

    dictated(test)


def test_a_cough_that_is_no_word_does_not_keep_the_microphone_open(impatient):
    async def test(one):
        asked = await capturing(one)
        await one.begin(0)
        while one.dictation._is_patient:
            await asyncio.sleep(0.01)
        assert one.dictation.state == "listening"
        await one.end(0)
        await one.answer("")
        assert one.dictation.state != "listening"
        await one.heard()
        with pytest.raises(NothingRecorded):
            await asked

    dictated(test)


def test_a_cancelled_capture_says_so():
    async def test(one):
        asked = await capturing(one)
        await one.begin(0)
        one.dictation.cancel()
        with pytest.raises(NothingRecorded, match="cancelled"):
            await asked
        await one.heard()
        assert one.dictation.state == "idle"

    dictated(test)


@pytest.mark.parametrize("state", ["typing", "capturing", "decoding a capture", "locked"])
def test_a_capture_is_refused_while_something_else_is_going_on(state):
    async def test(one):
        asked = None
        if state == "typing":
            one.dictation.start()
        elif state == "locked":
            one.dictation.lock(True)
        else:
            asked = await capturing(one)
        if state == "decoding a capture":
            await one.begin(0)
            one.dictation.stop()
        with pytest.raises(SwictationError, match="Nothing can be captured"):
            await one.dictation.capture()
        one.dictation.cancel()
        if asked:
            with pytest.raises(NothingRecorded):
                await asked

    dictated(test)


def test_a_dictation_may_begin_while_a_capture_is_decoded():
    async def test(one):
        asked = await capturing(one)
        await one.begin(0)
        await one.end(0)
        one.dictation.stop()
        one.dictation.start()
        await one.heard()
        await one.begin(1)
        await one.answer("Captured.")
        assert await asked == "Captured."
        assert one.dictation.state == "listening", "that is the dictation's"
        await one.end(1)
        await one.answer("Typed.")
        assert one.field == "Typed."

    dictated(test)


def test_a_capture_without_words_ends_though_somebody_dictates():
    async def test(one):
        asked = await capturing(one)
        await one.begin(0)
        await one.end(0)
        one.dictation.stop()
        one.dictation.start()
        await one.heard()
        await one.answer("")
        with pytest.raises(NothingRecorded):
            await asked
        assert one.dictation.state == "listening"

    dictated(test)


def test_what_an_earlier_capture_left_behind_is_nobodys():
    async def test(one):
        first = await capturing(one)
        await one.begin(0)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        await one.end(0)
        await one.heard()
        second = await capturing(one)
        await one.answer("Words of the first caller.")
        await one.say(1, "Mine.")
        assert await second == "Mine."
        await one.heard()
        assert (one.field, one.dictation.state) == ("", "idle")

    dictated(test)


def test_whoever_captures_may_leave():
    async def test(one):
        asked = await capturing(one)
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)
        assert one.dictation.state != "listening"
        await one.heard()
        one.dictation.start()
        await one.say(0, "Typed.")
        assert one.field == "Typed."

    dictated(test)


def test_a_locked_screen_ends_the_dictation_and_its_text_is_held():
    async def test(one):
        one.dictation.start()
        await one.begin(0)
        one.dictation.lock(True)
        assert one.dictation.state == "transcribing"
        await one.end(0)
        await one.heard()
        await one.answer("Held.")
        assert (one.field, one.held) == ("", "Held.")
        assert one.dictation.toggle() == "idle"
        one.dictation.lock(False)
        assert await one.dictation.paste_last() == 1
        assert one.field == "Held."

    dictated(test)


def test_what_is_begun_starts_the_engine_sooner():
    async def test(one):
        one.dictation.start()
        assert one.engine.wakes == 1

    dictated(test)


def test_once_it_is_to_end_nothing_begins():
    async def test(one):
        one.dictation.start()
        await one.begin(0)
        await one.post(StopRequested("SIGTERM"))
        assert one.deadline_s == 102.0
        assert one.dictation.toggle() == one.dictation.start() == "transcribing"
        with pytest.raises(SwictationError, match="is stopping"):
            await one.dictation.capture()
        await one.end(0)
        await one.heard()
        assert not one.dictation.is_over()
        await one.answer("The end.")
        assert one.dictation.is_over()
        assert one.field == "The end."

    dictated(test)


def test_asking_again_to_end_takes_no_longer():
    async def test(one):
        await one.post(StopRequested("SIGTERM"))
        one.clock.advance(1.0)
        await one.post(StopRequested("SIGTERM"))
        assert one.deadline_s == 102.0

    dictated(test)
