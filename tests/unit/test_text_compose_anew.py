"""What a composer goes on with when an utterance is cancelled or the window is another."""

import pytest

from fakes.typed_text import TypedText
from swictation.config.settings import TextSettings
from swictation.types import Commit

pytestmark = pytest.mark.unit


@pytest.fixture
def composer():
    return TypedText(TextSettings(), "en")


def test_an_abandoned_utterance_leaves_what_was_typed(composer):
    assert composer.append(Commit(0, "We went", final=False)) == "We went"
    composer.abandon()
    assert composer.append(Commit(1, "The end.", final=True)) == " the end."


def test_what_was_held_back_of_an_abandoned_utterance_is_dropped(composer):
    assert composer.append(Commit(0, "It rained.", final=False)) == "It rained"
    composer.abandon()
    assert composer.append(Commit(1, "Then", final=True)) == " then"


def test_after_a_whole_sentence_an_abandoned_utterance_changes_nothing(composer):
    composer.append(Commit(0, "It rained.", final=True))
    composer.append(Commit(1, " ...", final=False))
    composer.abandon()
    assert composer.append(Commit(2, "then", final=True)) == " Then"


def test_abandoned_before_any_word_it_begins_as_at_first(composer):
    composer.append(Commit(0, " “", final=False))
    composer.abandon()
    assert composer.append(Commit(1, "then it rained.", final=True)) == "Then it rained."


@pytest.mark.parametrize(
    ("before", "then"),
    [
        ("", "The end"),
        ("It rained.", " The end"),
        ("It rained", " the end"),
        ("It rained (", "the end"),
        ("It rained. ", "The end"),
        ("(It rained.)", " The end"),
    ],
)
def test_what_stands_there_decides_how_it_goes_on(composer, before, then):
    composer.append(Commit(0, "Something else", final=True))
    composer.follow(before)
    assert composer.append(Commit(1, "The end", final=True)) == then


def test_only_the_last_characters_count(composer):
    composer.follow("It rained. " * 1000 + "So.")
    assert composer.append(Commit(1, "then", final=True)) == " Then"
