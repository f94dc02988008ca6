"""Delivery by injectors that cannot tell who has the focus, or cannot press keys."""

import pytest

from fakes.typist import typing
from fakes.windows import Windows
from swictation.events import Composed
from swictation.text.stage import Insert, Key

pytestmark = pytest.mark.unit


def test_back_in_a_window_the_text_goes_on_there():
    async def test(typist):
        for utterance, window in enumerate(["editor", "chat", "editor", "chat", "editor"]):
            typist.windows.focused = window
            await typist.hear(utterance, "Hello there.")
        three, two = " ".join(["Hello there."] * 3), " ".join(["Hello there."] * 2)
        assert typist.windows.fields == {"editor": three, "chat": two}

    typing(test, "editor", "chat")


def test_back_in_a_window_held_text_is_joined_to_what_stands_there():
    async def test(typist):
        await typist.hear(0, "One.")
        typist.windows.focused = "chat"
        await typist.hear(1, "Two.")
        typist.windows.refuse()
        await typist.hear(2, "Three.")
        typist.windows.focused = "editor"
        await typist.delivery.paste_last()
        assert typist.windows.fields == {"editor": "One. Three.", "chat": "Two."}

    typing(test, "editor", "chat")


def test_a_window_that_was_left_long_ago_begins_a_text_of_its_own():
    async def test(typist):
        for utterance, window in enumerate([*"abcdefghijk", "a"]):
            typist.windows.focused = window
            await typist.hear(utterance, "Hello.")
        assert typist.windows.fields["a"] == "Hello.Hello."

    typing(test, *"abcdefghijk")


def unknowing(test, *windows, **options):
    """With an injector that cannot tell who has the focus."""
    return typing(test, *windows, knows_focus=False, **options)


def test_where_the_focus_is_unknown_the_text_goes_on_as_in_one_window():
    async def test(typist):
        await typist.hear(0, "Hello there.")
        await typist.hear(1, "How are", " you?")
        await typist.hear(2, "and then")
        assert typist.field == typist.composed == "Hello there. How are you? And then"

    unknowing(test)


def test_it_goes_on_in_mid_sentence_too():
    async def test(typist):
        await typist.hear(0, "We went")
        await typist.hear(1, "The other way.")
        assert typist.field == "We went the other way."

    unknowing(test)


def test_behind_what_was_held_it_joins_what_stands_there():
    async def test(typist):
        await typist.hear(0, "One.")
        typist.windows.refuse()
        await typist.hear(1, "Two.")
        await typist.hear(2, "Three.")
        assert typist.field == "One. Three."
        assert await typist.delivery.paste_last() == 1
        assert typist.field == "One. Three. Two."

    unknowing(test)


def test_after_a_cancel_it_goes_on_where_it_was():
    async def test(typist):
        await typist.hear(0, "Hello there.")
        typist.delivery.drop()
        await typist.hear(1, "How are you?")
        assert typist.field == "Hello there. How are you?"

    unknowing(test)


def test_a_focus_that_is_unknown_for_a_moment_changes_nothing():
    async def test(typist):
        windows = typist.windows
        await typist.hear(0, "Hello there.")
        known, windows.capabilities = windows.capabilities, Windows(knows_focus=False).capabilities
        await typist.hear(1, "How are you?")
        windows.capabilities = known
        await typist.hear(2, "Fine.")
        assert typist.field == "Hello there. How are you? Fine."

    typing(test)


def test_what_is_unproven_is_in_the_way_of_all_that_follows():
    async def test(typist):
        typist.windows.leave()
        await typist.hear(0, "One.")
        await typist.hear(1, "Two.")
        assert (typist.field, typist.held) == ("", "One. Two.")
        typist.windows.take()
        await typist.settle()
        assert (typist.field, typist.held) == ("One.", "Two.")
        assert await typist.delivery.paste_last() == 1
        assert typist.field == "One. Two."

    unknowing(test)


def test_without_a_window_a_text_begins_afresh():
    async def test(typist):
        await typist.hear(0, "Hello and")
        typist.windows.focused = None
        await typist.hear(1, "good-bye.")
        assert typist.held == "Good-bye."

    typing(test)


# --- keys


class NewLine:
    """A stage that makes "newline" a key."""

    def feed(self, item):
        if isinstance(item, Key) or "newline" not in item.text:
            return [item]
        before, _, behind = item.text.partition("newline")
        return [Insert(before), Key("enter"), Insert(behind)]

    def finish(self, *, joins_next):
        return []

    def abandon(self):
        pass


@pytest.mark.parametrize(("keys", "between"), [(True, "\n"), (False, " ")])
def test_a_key_is_sent_or_a_blank_where_none_can_be(keys, between):
    async def test(typist):
        await typist.hear(0, " Hello there. newline how are you?")
        await typist.hear(1, "Fine.")
        assert typist.field == typist.composed == f"Hello there.{between}How are you? Fine."
        assert typist.outcomes == ["typed"] * 4

    typing(test, stages=[NewLine()], keys=keys)


def test_a_key_keeps_its_place_among_what_is_held():
    async def test(typist):
        typist.windows.refuse()
        await typist.hear(0, "One. newline two.")
        assert typist.held == "One.\nTwo."
        assert [event.text for event in typist.named(Composed)] == ["One.\nTwo."]
        await typist.delivery.paste_last()
        assert typist.field == "One.\nTwo."

    typing(test, stages=[NewLine()], keys=True)


def test_a_key_that_comes_late_for_its_window_is_dropped():
    async def test(typist):
        await typist.hear(0, "One", final=False)
        typist.windows.focused = "chat"
        await typist.hear(0, "newline")
        assert typist.windows.fields == {"editor": "One", "chat": ""}
        assert typist.held == ""
        assert typist.named(Composed)[-1].text == "\n"

    typing(test, "editor", "chat", stages=[NewLine()], keys=True)
