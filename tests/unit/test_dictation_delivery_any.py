"""Whatever befalls it in whatever order: each character is delivered at most once, in order."""

import asyncio
import itertools

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fakes.typist import Typist
from patience import PATIENCE_S
from swictation.errors import InjectError
from swictation.events import Composed, HeldSettled, Injected, TextDoubted, ThreadFailed

pytestmark = pytest.mark.unit

_say = st.tuples(st.just("say"), st.integers(1, 3), st.booleans())
_trouble = (
    st.tuples(st.just("refuse"), st.integers(1, 3))
    | st.tuples(st.just("break off"), st.integers(1, 12))
    | st.tuples(st.just("lock"), st.booleans())
    | st.tuples(st.just("wait"), st.sampled_from([1.0, 31.0]))
    | st.tuples(st.just("paste"), st.booleans())
    | st.sampled_from([("settle",), ("cancel",)])
)
_busy = (
    st.tuples(st.just("leave"), st.integers(0, 12), st.integers(0, 3), st.booleans())
    | st.tuples(st.just("quick"), st.booleans())
    | st.sampled_from([("take",), ("die", "editor"), ("die", "chat"), ("close",), ("go on",)])
)
"""A window that does not take its text, and what becomes of that."""
_focus = st.tuples(st.just("focus"), st.sampled_from(["editor", "chat", None]))
_steps = st.lists(_say | _trouble | _busy | _focus, max_size=30)


_FIRST_LETTER = 0x4E00
"""Of an alphabet that is long enough for each letter to come once, and has no capitals."""


class _Story:
    """Says words whose letters are all different, so that each can be found again."""

    def __init__(self, *, knows_focus: bool = True) -> None:
        self.typist = Typist("editor", "chat", offers=True, knows_focus=knows_focus)
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
                typist.delivery.lock(args[0])
            case "wait":
                typist.clock.advance(args[0])
            case "settle":
                await typist.settle()
            case "leave":
                sent, confirmed, is_keys = args
                typist.windows.leave(sent + confirmed, confirmed, is_keys=is_keys)
            case "quick":
                typist.windows.is_quick = args[0]
            case "take" | "die":
                self._decide(what, *args)
            case "close":
                await typist.windows.close()
            case "go on":
                await _a_while()
            case "paste":
                await self._paste(*args)
            case "cancel":
                self._cancel()

    def _say(self, count, final) -> None:
        words = ["".join(itertools.islice(self._letters, 3)) for _ in range(count)]
        self.said[self._utterance] = self.said.get(self._utterance, "") + "".join(words)
        self.typist.say(self._utterance, *(f" {word}" for word in words), final=final)
        self._utterance += final

    def _decide(self, what, window="") -> None:
        windows = self.typist.windows
        if what == "die":
            windows.die(window)
        elif windows.waiting:
            windows.take()

    async def _paste(self, takes: bool) -> None:
        """`takes`: whether a window takes in the end what it has not taken at once."""
        await self.typist.settle()
        if not self.typist.delivery.held:
            return  # else it would type the last text again: that is asked for
        asked = asyncio.create_task(self.typist.delivery.paste_last())
        await _a_while()
        while not asked.done():
            window = self.typist.windows.waiting[-1].window
            self._decide("take" if takes else "die", *([] if takes else [window]))
            await _a_while()
        if asked.exception():
            assert isinstance(asked.exception(), InjectError)
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
        self.typist.delivery.lock(False)
        for _ in range(200):  # what was planned to fail fails first
            self._decide("take")
            await self.typist.settle()
            if not self.typist.delivery.held and not self.typist.windows.waiting:
                break
            await self._paste(takes=True)
        await self.typist.delivery.stop()


async def _a_while() -> None:
    """Until all is done that nothing outside has to happen for."""
    for _ in range(40):
        await asyncio.sleep(0)


async def _tell(steps, *, knows_focus=True) -> _Story:
    story = _Story(knows_focus=knows_focus)
    async with asyncio.timeout(PATIENCE_S):
        for step in steps:
            await story.do(*step)
        await story.end()
    return story


_windows = st.sampled_from([("focus", "editor"), ("focus", "chat"), ("paste", True)])
_busy_steps = st.lists(_say | _busy | _windows | st.just(("settle",)), max_size=20)


@given(steps=_steps | _busy_steps, knows_focus=st.booleans())
@settings(max_examples=600)
def test_each_letter_arrives_once_unless_it_was_cancelled(steps, knows_focus):
    story = asyncio.run(_tell(steps, knows_focus=knows_focus))
    assert not story.typist.named(ThreadFailed)
    every = set("".join(story.said.values()))
    log = story.typist.windows.log
    assert len(story.delivered) == len(set(story.delivered)), log
    # Keys cannot be taken back: what was cancelled may arrive, what was not must, or be doubted.
    doubted = every & set(story.typist.windows.doubted) - story.cancelled
    assert every - story.cancelled - doubted <= set(story.delivered) <= every - doubted, log
    told = {event.utterance for event in story.typist.named(TextDoubted)}
    assert {number for number, said in story.said.items() if doubted & set(said)} <= told
    for letters in story.said.values():
        arrived = "".join(letter for letter in story.delivered if letter in letters)
        assert arrived == "".join(sorted(arrived)), "within an utterance nothing is out of order"


@given(steps=st.lists(_say | st.just(("settle",)) | st.just(("lock", True)), max_size=20))
@settings(max_examples=100)
def test_what_is_held_comes_out_as_it_was_said(steps):
    story = asyncio.run(_tell([("lock", True), *steps]))
    assert story.delivered == "".join(story.said.values())


_GONE_UNREAD = [("say", 2, False), ("leave", 3, 0, False), ("go on",), ("die", "editor")]
"""The second word waits for the first, which never arrives: both are held."""


@given(steps=st.lists(_say | _trouble | _busy, max_size=30), knows_focus=st.booleans())
@example(steps=_GONE_UNREAD, knows_focus=False)
@example(steps=_GONE_UNREAD, knows_focus=True)
@settings(max_examples=300)
def test_words_stand_apart_by_one_space_each(steps, knows_focus):
    story = asyncio.run(_tell(steps, knows_focus=knows_focus))
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
