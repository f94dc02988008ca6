"""`paste-last`: held text comes out in order, once, and joins what stands there."""

import asyncio

import pytest

from fakes.typist import typing
from swictation.errors import InjectError
from swictation.events import ThreadFailed

pytestmark = pytest.mark.unit


def test_held_texts_come_out_in_order_and_are_over():
    async def test(typist):
        typist.windows.refuse(times=3)
        for number, text in enumerate(("One.", "Two.", "Three.")):
            await typist.hear(number, text)
        assert await typist.delivery.paste_last() == 3
        assert typist.field == "One. Two. Three."
        assert not typist.delivery.held
        assert [number for group in typist.released for number in group] == [0, 1, 2]

    typing(test)


def test_it_types_where_the_cursor_is_now():
    async def test(typist):
        typist.windows.refuse()
        await typist.hear(0, "Hello.")
        typist.windows.focused = "chat"
        await typist.delivery.paste_last()
        await typist.hear(1, "And more.")
        assert typist.windows.fields == {"editor": "", "chat": "Hello. And more."}

    typing(test, "editor", "chat")


@pytest.mark.parametrize("sent", [1, 5, 6, 9])
def test_a_rest_goes_on_where_its_beginning_stands(sent):
    async def test(typist):
        typist.windows.break_off(sent)
        await typist.hear(0, "Hello world.")
        assert await typist.delivery.paste_last() == 1
        assert typist.field == "Hello world."

    typing(test)


def test_a_text_that_broke_off_behind_a_space_is_joined_by_no_second_one():
    async def test(typist):
        typist.windows.refuse()
        await typist.hear(0, "One.")
        await typist.hear(1, "Two.")
        typist.windows.break_off(1)
        await typist.hear(2, "Three.")
        await typist.hear(3, "Four.")
        await typist.delivery.paste_last()
        assert typist.field == "Two. Four. One. Three."

    typing(test)


def test_what_is_held_of_another_utterance_is_set_apart():
    async def test(typist):
        await typist.hear(0, "One.")
        typist.windows.refuse()
        await typist.hear(1, "Two.")
        await typist.hear(2, "Three.")
        await typist.delivery.paste_last()
        assert typist.field == "One. Three. Two."

    typing(test)


@pytest.mark.parametrize("sent", [(0,), (1,), (3,), (4, 0), (4, 1), (4, 2), (4, 8)])
def test_after_a_failure_it_resumes_without_doubling(sent):
    async def test(typist):
        typist.windows.refuse(times=2)
        await typist.hear(0, "One.")
        await typist.hear(1, "Two more.")
        for count in sent:
            typist.windows.break_off(count) if count else typist.windows.refuse("it is gone")
        with pytest.raises(InjectError, match="still held"):
            await typist.delivery.paste_last()
        await typist.delivery.paste_last()
        assert typist.field == "One. Two more."
        assert not typist.delivery.held

    typing(test)


def test_with_nothing_held_the_last_text_comes_again():
    async def test(typist):
        typist.delivery.begin_dictation()
        await typist.hear(0, "One.")
        typist.delivery.begin_dictation()
        await typist.hear(1, "Two", " and")
        await typist.hear(2, "three.")
        typist.windows.focused = "chat"
        assert await typist.delivery.paste_last() == 1
        assert typist.windows.fields["chat"] == "Two and three."
        await typist.hear(3, "Four.")
        assert typist.windows.fields["chat"] == "Two and three. Four."

    typing(test, "editor", "chat")


def test_without_any_text_it_says_so():
    async def test(typist):
        with pytest.raises(InjectError, match="no text yet"):
            await typist.delivery.paste_last()

    typing(test)


def test_what_is_still_being_said_goes_on_where_the_rest_was_pasted():
    async def test(typist):
        await typist.hear(0, "One", final=False)
        typist.windows.focused = "chat"
        await typist.hear(0, " two", final=False)
        await typist.delivery.paste_last()
        assert typist.released == [], "the utterance is not over"
        await typist.hear(0, " three.")
        assert typist.windows.fields == {"editor": "One", "chat": "two three."}

    typing(test, "editor", "chat")


def test_a_full_stop_that_waits_for_the_next_words_outlives_a_paste():
    async def test(typist):
        typist.windows.refuse()
        await typist.hear(0, "One.", final=False)
        await typist.delivery.paste_last()
        await typist.hear(0, " Two.")
        assert typist.field == "One. Two."

    typing(test)


def test_a_cancel_while_it_types_ends_it():
    async def test(typist):
        typist.windows.refuse(times=2)
        await typist.hear(0, "One.")
        await typist.hear(1, "Two.")
        with typist.windows.held_up():
            asked = asyncio.create_task(typist.delivery.paste_last())
            await typist.windows.is_asked.wait()
            typist.delivery.drop()
        with pytest.raises(InjectError):
            await asked
        assert "Two" not in typist.field
        assert not typist.delivery.held
        await typist.hear(2, "Three.")
        assert typist.field.endswith("Three.")
        assert not typist.named(ThreadFailed)

    typing(test)


def test_a_cancel_while_the_window_is_looked_for_types_nothing_at_all():
    async def test(typist):
        await typist.hear(0, "One.")
        typist.windows.refuse()
        await typist.hear(1, "Two.")
        with typist.windows.held_up():
            asked = asyncio.create_task(typist.delivery.paste_last())
            await typist.windows.is_asked.wait()
            typist.delivery.drop()
        with pytest.raises(InjectError, match="cancelled"):
            await asked
        assert typist.field == "One."

    typing(test)


def test_a_cancel_between_two_held_texts_ends_it():
    async def test(typist):
        typist.windows.refuse(times=2)
        await typist.hear(0, "One.")
        await typist.hear(1, "Two.")
        inject = typist.windows.inject

        async def inject_and_cancel(text, into=None):
            outcome = await inject(text, into)
            typist.delivery.drop()
            return outcome

        typist.windows.inject = inject_and_cancel
        with pytest.raises(InjectError, match="cancelled"):
            await typist.delivery.paste_last()
        assert typist.field == "One."
        assert not typist.named(ThreadFailed)

    typing(test)


def test_whoever_asked_may_leave():
    async def test(typist):
        typist.windows.refuse()
        await typist.hear(0, "One.")
        with typist.windows.held_up():
            asked = asyncio.create_task(typist.delivery.paste_last())
            await typist.windows.is_asked.wait()
            asked.cancel()
        await typist.settle()
        assert typist.field == "One."
        assert not typist.named(ThreadFailed)

    typing(test)


def test_an_offered_text_is_held_in_its_turn_and_typed_when_asked_for():
    async def test(typist):
        await typist.hear(1, "One.")
        typist.delivery.offer(0, " Late.", "it comes late")
        await typist.hear(2, "Two.")
        assert (typist.field, typist.held) == ("One. Two.", "Late.")
        assert typist.delivery.held.reason == "it comes late"
        assert typist.held_counts == [1]
        assert typist.windows.clipboard == "Late."
        assert await typist.delivery.paste_last() == 1
        assert typist.field == "One. Two. Late."
        assert typist.released == [(0,)]

    typing(test, offers=True)


def test_a_text_that_was_offered_before_a_cancel_is_dropped():
    async def test(typist):
        typist.delivery.offer(0, "Late.", "it comes late")
        typist.delivery.drop()
        await typist.settle()
        assert not typist.delivery.held
        assert typist.windows.clipboard is None
        assert typist.released == [(0,)], "its sound may go"

    typing(test, offers=True)


def test_the_end_of_a_sentence_that_stands_elsewhere_begins_no_text():
    async def test(typist):
        typist.say(0, "Hello", final=False)
        await typist.settle()
        typist.windows.refuse()
        await typist.hear(0, ". And more.")
        typist.windows.focused = "chat"
        await typist.delivery.paste_last()
        assert typist.windows.fields == {"editor": "Hello", "chat": "And more."}

    typing(test, "editor", "chat")
