"""Whether a field has a word, by what it tells before and after."""

import pytest

from swictation.inject.wayland.input_method import SHORT, has_come

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("stood", "stands", "expected"),
    [
        ("", "word ", True),
        ("a word ", "a word word ", True),
        ("a word ", "a word ", False),  # it was dropped, and stood there before
        ("word ", "word ", False),
        (None, "word ", False),
        ("a ", None, False),
        ("a" * SHORT, "a" * (SHORT - 5) + "word ", True),
        ("a" * (SHORT - 5) + "word ", "a" * (SHORT - 5) + "word ", False),
    ],
)
def test_a_word_has_come_when_it_is_the_difference(
    stood: str | None, stands: str | None, expected: bool
) -> None:
    assert has_come("word ", stood, stands) is expected
