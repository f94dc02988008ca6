"""Whatever befalls it in whatever order: each character is delivered at most once, in order."""

import asyncio
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.typist import Typist
from swictation.errors import InjectError
from swictation.events import Composed, HeldSettled, Injected, ThreadFailed

pytestmark = pytest.mark.unit

_say = st.tuples(st.just("say"), st.integers(1, 3), st.booleans())
_trouble = (
    st.tuples(st.just("refuse"), st.integers(1, 3))
    | st.tuples(st.just("break off"), st.integers(1, 12))
    | st.tuples(st.just("lock"), st.booleans())
    | st.tuples(st.just("wait"), st.sampled_from([1.0, 31.0]))
    | st.sampled_from([("paste",), ("settle",), ("cancel",)])
)
_focus = st.tuples(st.just("focus"), st.sampled_from(["editor", "chat", None]))
_steps = st.lists(_say | _trouble | _focus, max_size=30)


_FIRST_LETTER = 0x4E00
"""Of an alphabet that is long enough for each letter to come once, and has no capitals."""


class _Story:
    """Says words whose letters are all different, so that each can be found again."""

    def __init__(self) -> None:
        self.typist = Typist("editor", "chat", offers=True)
        self.said: dict[int, str] = {}
        """The letters of each utterance."""
        self.cancelled: set[str] = set()
        self._letters = map(chr, itertools.count(_FIRST_LETTER))
        self._utterance = 0

    @property
    def delivered(self) -> str:
        """All letters, in the order in which they left, into whatever window."""
        text = "".join(text for _, text in self.typist.windows.log)
        return "".join(letter for letter in text if ord(letter) >= _FIRST_LETTER)

    async def do(self, what, *args) -> None:
        typist = self.typist
        match what:
            case "say":
                self._say(*args)
            case "refuse":
                typist.windows.refuse(times=args[0])
            case "break off":
                typist.windows.break_off(args[0])
            case "focus":
                typist.windows.focused = args[0]
            case "lock":
                typist.delivery.is_locked = args[0]
            case "wait":
                typist.clock.advance(args[0])
            case "settle":
                await typist.settle()
            case "paste":
                await self._paste()
            case "cancel":
                self._cancel()

    def _say(self, count, final) -> None:
        words = ["".join(itertools.islice(self._letters, 3)) for _ in range(count)]
        self.said[self._utterance] = self.said.get(self._utterance, "") + "".join(words)
        self.typist.say(self._utterance, *(f" {word}" for word in words), final=final)
        self._utterance += final

    async def _paste(self) -> None:
        await self.typist.settle()
        if self.typist.delivery.held:  # else it would type the last text again: that is asked for
            try:
                await self.typist.delivery.paste_last()
            except InjectError:
                pass
            else:
                assert not self.typist.delivery.held

    def _cancel(self) -> None:
        self.cancelled |= set("".join(self.said.values())) - set(self.delivered)
        self.typist.delivery.drop()
        self._utterance += 1  # nothing more comes of one that is open

    async def end(self) -> None:
        """Nothing is amiss any more: all that is held comes out."""
        await self.typist.settle()
        self.typist.windows.focused = "editor"
        self.typist.delivery.is_locked = False
        for _ in range(100):  # what was planned to fail fails first
            if not self.typist.delivery.held:
                break
            await self._paste()
        await self.typist.delivery.stop()


async def _tell(steps) -> _Story:
    story = _Story()
    async with asyncio.timeout(60):
        for step in steps:
            await story.do(*step)
        await story.end()
    return story


@given(steps=_steps)
@settings(max_examples=300)
def test_each_letter_arrives_once_unless_it_was_cancelled(steps):
    story = asyncio.run(_tell(steps))
    assert not story.typist.named(ThreadFailed)
    every = set("".join(story.said.values()))
    assert sorted(story.delivered) == sorted(every - story.cancelled), story.typist.windows.log
    for letters in story.said.values():
        arrived = "".join(letter for letter in story.delivered if letter in letters)
        assert arrived == "".join(sorted(arrived)), "within an utterance nothing is out of order"


@given(steps=st.lists(_say | st.just(("settle",)) | st.just(("lock", True)), max_size=20))
@settings(max_examples=100)
def test_what_is_held_comes_out_as_it_was_said(steps):
    story = asyncio.run(_tell([("lock", True), *steps]))
    assert story.delivered == "".join(story.said.values())


@given(steps=st.lists(_say | _trouble, max_size=30))
@settings(max_examples=300)
def test_words_stand_apart_by_one_space_each(steps):
    story = asyncio.run(_tell(steps))
    typist = story.typist
    field = typist.field.rstrip() if story.cancelled else typist.field  # a space may have left
    assert field == field.strip()
    assert "  " not in typist.field, typist.windows.log
    if not story.cancelled:  # of a cancelled word a part may stand there
        assert all(len(word) <= 3 for word in typist.field.split()), typist.windows.log


@given(steps=_steps)
@settings(max_examples=200)
def test_an_utterance_that_was_held_is_released_once(steps):
    typist = asyncio.run(_tell(steps)).typist
    released = [number for event in typist.named(HeldSettled) for number in event.utterances]
    assert len(released) == len(set(released))
    over = [event for event in typist.named(Injected) if event.is_last]
    assert {event.utterance for event in over if event.is_held} <= set(released)
    assert len(over) == len({event.utterance for event in over})
    assert all(event.text == "" or event.number for event in typist.named(Composed))


@given(steps=st.lists(_say | st.just(("settle",)), max_size=20))
@settings(max_examples=100)
def test_while_all_goes_well_the_window_holds_what_was_composed(steps):
    typist = asyncio.run(_tell(steps)).typist
    assert typist.field == typist.composed
