"""What tells whether a word is missing must itself be right."""

import pytest

from fakes.words import is_dealt_out

pytestmark = pytest.mark.unit

SAID = ["a", "b", "a", "c", "b", "a"]


@pytest.mark.parametrize(
    ("one", "other"),
    [("a b a c b a", ""), ("", "a b a c b a"), ("a b c", "a b a"), ("b a a", "a c b")],
)
def test_each_word_in_one_of_two_in_order(one, other):
    assert is_dealt_out(SAID, one.split(), other.split())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a b a c b", ""),
        ("a b a c b a", "a"),
        ("b a a c b a", ""),
        ("c b a", "b a a"),
        ("a b a c b x", "y"),
    ],
)
def test_a_word_that_is_missing_twice_or_out_of_order(one, other):
    assert not is_dealt_out(SAID, one.split(), other.split())


def test_a_word_cut_over_two_is_wrong():
    assert not is_dealt_out(["whole"], ["who"], ["le"])
