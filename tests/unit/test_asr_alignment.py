import pytest

from swictation.asr.alignment import has_words, rest_after

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("typed", "text", "rest"),
    [
        (" It was the best", " It was the best of times.", " of times."),
        (" One two", " One, two. Three", ". Three"),
        (" in short the period", " In short, the period was", " was"),
        (" wood cutters of", " woodcutters of the", " the"),
        (" all there is", " All there is.", "."),
        ("", " Hello", " Hello"),
        (" don't go", " Don’t go there", " there"),
        (" one two three", "", ""),
        (" 50%", " 50% more", " more"),
        (' "yes"', ' "yes" and', " and"),
        (" C++", " C++ code", " code"),
        (" dogs'", " dogs' bowl", " bowl"),
        (" 20 €", " 20 € mehr", " mehr"),
        (" Ça va ?", " Ça va ? Oui", " Oui"),
        (' He said "stop."', ' He says "stop." Then', " Then"),
        (" (Welt)", " (welt) und", " und"),
        (".", ". Hello", " Hello"),
        (" the", " there is", " is"),
        (" Open the window,", " Open the window, please", " please"),
        (" it was lost.", " It was lost, not stolen.", " not stolen."),
    ],
)
def test_what_lies_behind_the_typed_words_is_the_rest(typed, text, rest):
    assert rest_after(typed, text) == rest


def test_of_equally_like_prefixes_the_longest_counts():
    assert rest_after(" a b", " a x c") == " c", "a typed word is not typed twice"


@pytest.mark.parametrize(
    ("typed", "text", "rest"),
    [
        (" Haus Tuer", " Haustuer ist offen", " ist offen"),
        (" I can", " I couldn't go", " go"),
        (" I can", " he could not go", " not go"),
        (" so", " the so called", " called"),
        (" there for", " therefore we left", " we left"),
        (" a b", " x", ""),
        (" open the door", " open the old door and", " and"),
        (" I have to go", " I have to to go now", " now"),
    ],
)
def test_where_words_cannot_tell_letters_do(typed, text, rest):
    assert rest_after(typed, text) == rest


def test_punctuation_alone_holds_no_words():
    assert not has_words(" ... -")
    assert has_words(" 5.")
