"""From commits to the focused window: whose text it is, what is held, how it comes out again."""

import asyncio
from concurrent.futures import Future

import pytest

from fakes.spooled import Spooled
from fakes.typed_text import TypedText
from fakes.typist import typing
from swictation.config.settings import TextSettings
from swictation.dictation.delivery.delivery import LOCKED, TOO_OLD
from swictation.errors import InjectError
from swictation.events import Injected, ThreadFailed
from swictation.inject.injector import OTHER_WINDOW

pytestmark = pytest.mark.unit


@pytest.fixture
def spooled(tmp_path):
    """A spool with the sound of utterance 0."""
    spooled = Spooled(tmp_path)
    spooled.utterance(0, 0.2)
    yield spooled
    spooled.spool.stop()
    spooled.folder.close()


def test_utterances_are_joined_in_the_window_that_has_the_focus():
    async def test(typist):
        await typist.hear(0, "Hello there.")
        await typist.hear(1, "How are", " you?")
        assert typist.field == typist.composed == "Hello there. How are you?"
        assert typist.outcomes == ["typed"] * 3
        assert not typist.delivery.held

    typing(test)


def test_an_utterance_belongs_to_the_window_of_its_first_words():
    async def test(typist):
        await typist.hear(0, "Hello", final=False)
        typist.windows.focused = "chat"
        await typist.hear(0, " there", final=False)
        typist.windows.focused = "editor"
        await typist.hear(0, " you.")
        assert typist.windows.fields == {"editor": "Hello", "chat": ""}
        assert typist.held == "there you."
        assert typist.delivery.held.reason == OTHER_WINDOW
        assert typist.named(Injected)[-1].is_held

    typing(test, "editor", "chat")


def test_the_first_words_decide_not_the_punctuation_before_them():
    async def test(typist):
        await typist.hear(0, "...", final=False)
        typist.windows.focused = "chat"
        await typist.hear(0, " hello.")
        assert typist.windows.fields == {"editor": "", "chat": "Hello."}

    typing(test, "editor", "chat")


def test_punctuation_alone_that_comes_late_for_its_window_is_dropped():
    async def test(typist):
        await typist.hear(0, "Hello.", final=False)
        typist.windows.focused = "chat"
        await typist.hear(0, "")
        assert typist.windows.fields == {"editor": "Hello", "chat": ""}
        assert not typist.delivery.held
        assert not typist.named(Injected)[-1].is_held

    typing(test, "editor", "chat")


def test_another_window_begins_a_text_of_its_own():
    async def test(typist):
        await typist.hear(0, "Hello and")
        typist.windows.focused = "chat"
        await typist.hear(1, "how are you?")
        assert typist.windows.fields == {"editor": "Hello and", "chat": "How are you?"}

    typing(test, "editor", "chat")


def test_what_is_refused_is_held_in_order_and_joined():
    async def test(typist):
        typist.windows.refuse(times=2)
        await typist.hear(0, "One", " two.")
        await typist.hear(1, "Three.")
        await typist.hear(2, "Four.")
        assert typist.field == "Four."
        assert typist.held == "One two. Three."
        assert typist.held_counts == [1, 1, 2]
        assert typist.outcomes == ["refused", "refused", "refused", "typed"]
        assert [event.is_held for event in typist.named(Injected)] == [True, True, True, False]

    typing(test)


def test_what_follows_in_a_window_after_something_was_held_joins_what_stands_there():
    async def test(typist):
        await typist.hear(0, "One.")
        typist.windows.refuse()
        await typist.hear(1, "Two.")
        await typist.hear(2, "Three.")
        assert typist.field == "One. Three."

    typing(test)


def test_an_end_without_text_is_told_like_what_came_before_it():
    async def test(typist):
        typist.windows.refuse()
        await typist.hear(0, "One.", "")
        await typist.hear(1, "Two", "")
        assert typist.outcomes == ["refused", "refused", "typed", "typed"]

    typing(test)


def test_of_what_broke_off_only_the_unsent_rest_is_held():
    async def test(typist):
        typist.windows.break_off(sent=6)
        await typist.hear(0, "Good morning", " all.")
        assert typist.field == "Good m"
        assert typist.held == "orning all."
        assert typist.outcomes == ["partial", "refused"]

    typing(test)


def test_what_broke_off_behind_its_last_character_leaves_nothing_to_hold():
    async def test(typist):
        typist.windows.break_off(sent=len("Hello"))
        await typist.hear(0, "Hello")
        assert not typist.delivery.held

    typing(test)


def test_while_the_screen_is_locked_all_is_held_and_nothing_offered():
    async def test(typist):
        typist.delivery.lock(True)
        await typist.hear(0, "Secret words.")
        await typist.hear(1, "More of them.")
        assert typist.field == ""
        assert typist.windows.clipboard is None
        assert typist.held == "Secret words. More of them."
        assert typist.delivery.held.reason == LOCKED
        with pytest.raises(InjectError, match="locked"):
            await typist.delivery.paste_last()
        typist.delivery.lock(False)
        assert await typist.delivery.paste_last() == 2
        assert typist.field == "Secret words. More of them."

    typing(test, offers=True)


class _LateDisk:
    """A spool whose lines are on disk only when the test says so."""

    def __init__(self, spool):
        self._spool = spool
        self.waiting = asyncio.Event()
        self.written = Future()

    def note(self, utterance, kind, **fields):
        self._spool.note(utterance, kind, **fields)
        self.waiting.set()
        return self.written


@pytest.mark.parametrize("what", ["lock", "cancel"])
def test_what_happens_while_the_line_is_written_still_counts(spooled, what):
    async def test(typist):
        disk = typist.delivery._sender._spool = _LateDisk(spooled.spool)
        typist.say(0, "Hello.")
        await disk.waiting.wait()
        if what == "lock":
            typist.delivery.lock(True)
        else:
            typist.delivery.drop()
        disk.written.set_result(None)
        await typist.settle()
        assert typist.field == ""
        assert typist.held == ("Hello." if what == "lock" else "")

    typing(test)


def test_held_text_is_offered_to_the_clipboard_as_a_whole():
    async def test(typist):
        typist.windows.refuse(times=2)
        await typist.hear(0, "One.")
        await typist.hear(1, "Two.")
        assert typist.windows.clipboard == "One. Two."

    typing(test, offers=True)


def test_without_a_clipboard_in_the_chain_nothing_is_offered():
    async def test(typist):
        typist.windows.refuse()
        await typist.hear(0, "One.")
        assert typist.windows.clipboard is None

    typing(test)


def test_what_was_spoken_too_long_ago_is_held():
    async def test(typist):
        typist.say(0, "Old", " words.")
        typist.clock.advance(30.5)
        await typist.settle()
        assert (typist.field, typist.held) == ("", "Old words.")
        assert typist.delivery.held.reason == TOO_OLD
        await typist.hear(1, "Fresh.")
        assert typist.field == "Fresh."

    typing(test)


def test_a_line_is_written_before_and_after_each_piece(spooled):
    async def test(typist):
        await typist.hear(0, "Hello", final=False)
        typist.windows.refuse()
        await typist.hear(0, " there.")

    typing(test, spool=spooled.spool)
    spooled.spool.stop()
    assert [line for line in spooled.lines() if "intent" in line or "done" in line] == [
        {"intent": {"n": 1, "text": "Hello"}},
        {"done": {"n": 1, "outcome": "typed"}},
        {"intent": {"n": 2, "text": " there."}},
        {"done": {"n": 2, "outcome": "refused"}},
    ]


def test_cancelling_forgets_what_waits_and_what_is_held():
    async def test(typist):
        typist.windows.refuse()
        await typist.hear(0, "One.")
        typist.say(1, "Two.")
        typist.delivery.drop()
        await typist.settle()
        assert (typist.field, typist.held) == ("", "")
        assert typist.released == [(0,)]
        with pytest.raises(InjectError, match="no text yet"):
            await typist.delivery.paste_last()
        await typist.hear(2, "Three.")
        assert typist.field == "Three."

    typing(test)


def test_cancelling_while_the_window_is_looked_for_types_nothing():
    async def test(typist):
        with typist.windows.held_up():
            typist.say(0, "One.")
            await typist.windows.is_asked.wait()
            typist.delivery.drop()
        await typist.settle()
        assert (typist.field, typist.held) == ("", "")

    typing(test)


def test_what_is_refused_after_it_was_cancelled_is_not_held():
    async def test(typist):
        await typist.hear(0, "One", final=False)
        typist.windows.refuse()
        with typist.windows.held_up():
            typist.say(0, " two.")
            await typist.windows.is_asked.wait()
            typist.delivery.drop()
        await typist.settle()
        assert (typist.field, typist.held) == ("One", "")

    typing(test)


def test_after_a_cancel_the_next_words_join_what_was_typed():
    async def test(typist):
        await typist.hear(0, "One", " two", final=False)
        typist.delivery.drop()
        await typist.hear(1, "the end.")
        assert typist.field == "One two the end."

    typing(test)


def test_other_rules_begin_with_the_next_utterance():
    async def test(typist):
        await typist.hear(0, "One", final=False)
        typist.delivery.rewrite(TypedText(TextSettings(final_punctuation=False), "en"))
        await typist.hear(0, " two.")
        await typist.hear(1, "Three.")
        assert typist.field == "One two. Three"

    typing(test)


def test_an_injector_that_raises_is_told_to_the_run_loop():
    class Broken(Exception):
        pass

    async def test(typist):
        async def inject(text, into=None):
            raise Broken("out of order")

        typist.windows.inject = inject
        await typist.hear(0, "One.")
        (failed,) = typist.named(ThreadFailed)
        assert failed.reason == "Broken", "what it says may hold what was said"

    typing(test)
