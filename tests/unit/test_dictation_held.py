import pytest

from swictation.dictation.delivery.held import HeldTexts

pytestmark = pytest.mark.unit


def held(*pieces):
    texts = HeldTexts()
    for utterance, text in pieces:
        texts.add(utterance, text, "locked")
    return texts


def test_nothing_is_held_at_first():
    texts = HeldTexts()
    assert (len(texts), texts.whole, texts.reason, texts.first) == (0, "", "", None)
    assert texts.utterances == frozenset()


def test_what_follows_of_the_same_utterance_joins_it():
    texts = held((3, " One"), (3, " two."))
    assert len(texts) == 1
    assert texts.first.text == " One two."


def test_utterances_are_set_apart_by_a_space_however_they_begin():
    texts = held((3, " One."), (4, "Two."), (5, " Three."))
    assert len(texts) == 3
    assert texts.whole == "One. Two. Three."
    assert texts.utterances == {3, 4, 5}


def test_the_reason_is_that_of_the_last():
    texts = held((3, "One."))
    texts.add(4, "Two.", "too old")
    assert texts.reason == "too old"


def test_what_is_sent_leaves_from_the_front():
    texts = held((3, "One."), (4, "Two."))
    texts.sent(2)
    assert (len(texts), texts.first.text, texts.utterances) == (2, "e.", {3, 4})
    texts.sent(2)
    assert (len(texts), texts.first.text, texts.utterances) == (1, "Two.", {4})
    texts.sent(4)
    assert not texts


def test_clearing_tells_whose_they_were():
    texts = held((3, "One."), (4, "Two."))
    assert texts.clear() == {3, 4}
    assert texts.whole == ""
    assert texts.clear() == frozenset()
