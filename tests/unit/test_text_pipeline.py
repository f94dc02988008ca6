"""The chain of text stages: nothing is lost, doubled or reordered, however the text is cut."""

import itertools
import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from swictation.config.settings import TextSettings
from swictation.text.compose import Composer
from swictation.text.pipeline import TextPipeline, as_text
from swictation.text.stage import Insert, Item, Key, TextStage, inserted
from swictation.types import Commit

pytestmark = pytest.mark.unit


class Phrase:
    """Makes `item` of two words, and holds back what may become them: a last word, or both."""

    def __init__(self, phrase: str, item: Item) -> None:
        first, second = phrase.split()
        self._whole = re.compile(rf"\b({first}\s+{second})\b")
        self._begun = re.compile(rf"\b(?:{first}\s+)?\w*\s*$")
        self._item = item
        self._held = ""

    def feed(self, item: Item) -> list[Item]:
        if isinstance(item, Key):
            return [*self.finish(joins_next=False), item]
        text = self._held + item.text
        begun = self._begun.search(text)
        decided = begun.start() if begun else len(text)
        self._held = text[decided:]
        return self._made(text[:decided])

    def finish(self, *, joins_next: bool) -> list[Item]:
        held, self._held = self._held, ""
        return self._made(held)

    def abandon(self) -> None:
        self._held = ""

    def _made(self, text: str) -> list[Item]:
        made: list[Item] = []
        for number, piece in enumerate(self._whole.split(text)):
            made += [self._item] if number % 2 else inserted(piece)
        return made


def new_line() -> Phrase:
    return Phrase("new line", Key("enter"))


def york() -> Phrase:
    return Phrase("new york", Insert("NYC"))


def pipeline(*stages: TextStage) -> TextPipeline:
    return TextPipeline(Composer(TextSettings(), "en"), stages)


def said(chain: TextPipeline, *pieces: str, utterance: int = 0) -> str:
    """What is sent of an utterance that is committed in these pieces."""
    last = len(pieces) - 1
    commits = [Commit(utterance, piece, final=n == last) for n, piece in enumerate(pieces)]
    return as_text(item for commit in commits for item in chain.feed(commit))


def cut(text: str, cuts: list[int]) -> list[str]:
    edges = sorted({0, *(at for at in cuts if at < len(text)), len(text)})
    return [text[a:b] for a, b in itertools.pairwise(edges)]


@pytest.mark.parametrize(
    ("pieces", "sent"),
    [
        (["One new line two"], "One\nTwo"),
        (["One new", " line two"], "One\nTwo"),
        (["One. new", " ", "li", "ne", " two."], "One.\nTwo."),
        (["the new", " house"], "The new house"),
        (["new line"], "\n"),
        (["new lines"], "New lines"),
        (["in new york. new line so it is"], "In NYC.\nSo it is"),
    ],
)
def test_a_phrase_is_known_however_it_is_cut(pieces, sent):
    assert said(pipeline(new_line(), york()), *pieces) == sent


def test_what_may_be_a_phrase_is_held_back_and_let_go_at_the_utterances_end():
    chain = pipeline(new_line())
    assert as_text(chain.feed(Commit(0, "The new", final=False))) == "The"
    assert as_text(chain.feed(Commit(0, "", final=True))) == " new"
    assert said(chain, "line", utterance=1) == " line", "it went across the utterances"


def test_an_utterance_that_never_became_final_lets_go_before_the_next():
    chain = pipeline(new_line())
    assert as_text(chain.feed(Commit(0, "The new", final=False))) == "The"
    assert chain.feed(Commit(1, "Line up.", final=True)) == [Insert(" new Line up.")]
    assert said(chain, "So.", utterance=2) == " So."


def test_what_is_held_back_of_a_cancelled_utterance_is_forgotten():
    chain = pipeline(new_line())
    chain.feed(Commit(0, "The new", final=False))
    chain.abandon()
    assert said(chain, "line.", utterance=1) == " line."


def test_what_is_held_back_goes_into_no_other_window():
    chain = pipeline(new_line())
    chain.feed(Commit(0, "The new", final=False))
    chain.follow("Dear all.")
    assert said(chain, "hello", utterance=1) == " Hello"


def test_behind_a_key_begins_a_text_of_its_own():
    items = pipeline(new_line()).feed(Commit(0, "and so on new line “then it ends", final=True))
    assert items == [Insert("And so on"), Key("enter"), Insert("“Then it ends")]


_WORDS = ["new", "line", "york", "the", "One", "two.", "three,", "“so”", "newest", "lines"]
_utterances = st.lists(st.lists(st.sampled_from(_WORDS), min_size=1, max_size=8), max_size=4)
_cuts = st.lists(st.integers(0, 60), max_size=6)
_chains = st.sampled_from([(new_line,), (york,), (new_line, york), (york, new_line), ()])


@given(utterances=_utterances, cuts=_cuts, stages=_chains)
@example(utterances=[["new"], ["One"]], cuts=[3], stages=())
@settings(max_examples=300, deadline=None)
def test_the_cut_into_commits_makes_no_difference(utterances, cuts, stages):
    """Between words, as commits are cut: "On" alone may be a word that begins no sentence."""
    whole, in_pieces = (pipeline(*(make() for make in stages)) for _ in range(2))
    for number, words in enumerate(utterances):
        text = " " + " ".join(words)
        between = [text.rfind(" ", 0, at + 1) for at in cuts]
        sent = said(in_pieces, *cut(text, between), utterance=number)
        assert sent == said(whole, text, utterance=number)


@given(utterances=_utterances, cuts=_cuts, stages=_chains)
@settings(max_examples=300, deadline=None)
def test_every_word_is_sent_once_in_order_and_none_is_kept(utterances, cuts, stages):
    chain = pipeline(*(make() for make in stages))
    for number, words in enumerate(utterances):
        text = " " + " ".join(words)
        sent = said(chain, *cut(text, cuts), utterance=number)
        said_words = " ".join(re.findall(r"\w+", text.lower()))
        if york in stages:
            said_words = re.sub(r"\bnew york\b", "nyc", said_words)
        if new_line in stages:
            said_words = re.sub(r"\bnew line\b", "\n", said_words)
        assert re.findall(r"\w+|\n", sent.lower()) == re.findall(r"\w+|\n", said_words)


def test_no_two_inserts_come_in_a_row():
    items = pipeline(york()).feed(Commit(0, "in new york and new york", final=True))
    assert items == [Insert("In NYC and NYC")]
