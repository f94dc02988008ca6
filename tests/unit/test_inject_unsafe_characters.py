"""In what pieces text goes out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swictation.inject.unsafe_characters import LONGEST_WORD, words

pytestmark = pytest.mark.unit


@given(st.text(max_size=300))
def test_words_are_the_text_and_none_is_too_long(text: str) -> None:
    pieces = list(words(text))
    assert "".join(pieces) == text
    assert all(0 < len(piece) <= LONGEST_WORD for piece in pieces)


@given(st.lists(st.text("abé—中", min_size=1, max_size=LONGEST_WORD - 2), max_size=20))
def test_no_word_is_cut_that_need_not_be(said: list[str]) -> None:
    assert list(words("".join(f"{word} " for word in said))) == [f"{word} " for word in said]
