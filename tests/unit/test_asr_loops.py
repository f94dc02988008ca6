import random

import pytest

from swictation.asr.loops import find_loop, is_too_fast

pytestmark = pytest.mark.unit

LONG = 60.0
"""Seconds in which any of these could be said: no matter of speed."""

SENTENCES = [
    "Printing, in the only sense with which we are at present concerned, differs from most.",
    "The rich, the very rich, do not pay and do not care.",
    "No, no, no, I did not say that.",
    "Set the timer to five, five, five minutes and then remind me of the meeting with Anna.",
    "It was the best of times, it was the worst of times, it was the age of wisdom.",
    "One two three four five six seven eight nine ten eleven twelve.",
    "Yes.",
    "",
]


@pytest.mark.parametrize("text", SENTENCES)
def test_what_people_say_is_no_loop(text):
    assert find_loop(text, LONG) == ""


@pytest.mark.parametrize(
    ("phrase", "times"),
    [
        ("very", 4),
        ("printing image", 3),
        ("one two three", 3),
        ("we will go there", 3),
        ("I never said that to you", 2),
        ("a b c d e f g h", 2),
    ],
)
def test_a_phrase_back_to_back_is_a_loop_from_its_number_of_times_on(phrase, times):
    assert find_loop(" ".join([phrase] * times), LONG) == "repeat"
    assert find_loop(" ".join([phrase] * (times - 1)), LONG) == ""


def test_a_repeat_is_found_behind_and_before_other_words():
    text = "well then you know me you know me you know me and so on"
    assert find_loop(text, LONG) == "repeat"


def test_case_and_punctuation_hide_no_repeat():
    assert find_loop("Thank you. thank you, THANK YOU!", LONG) == "repeat"


def test_words_that_return_with_others_between_are_no_repeat():
    assert find_loop("you know me and you know him and you know her", LONG) == ""


@pytest.mark.parametrize("words", [5, 8, 9, 12])
def test_a_phrase_of_five_words_or_more_said_twice_is_a_repeat(words):
    names = "alpha bravo charlie delta echo foxtrot golf hotel india juliett kilo lima"
    phrase = " ".join(names.split()[:words])
    assert find_loop(f"so {phrase} {phrase} then", LONG) == "repeat"
    assert find_loop(f"so {phrase} then {phrase}", LONG) == ""


def test_the_limits_are_the_callers():
    assert find_loop("abc" * 30, LONG, most_ratio=100.0) == ""
    assert find_loop("a few words", 1.0, most_chars_per_s=5.0) == "rate"


def test_what_compresses_too_well_is_a_loop():
    assert find_loop("ha" * 30, LONG) == "zlib"


def test_short_text_is_not_judged_by_compression():
    assert find_loop("hahahahahahahahahahahaha", LONG) == ""  # 24 bytes


def test_more_than_30_characters_a_second_is_a_loop():
    text = "several different words without any repetition at all"
    assert find_loop(text, len(text) / 31) == "rate"
    assert find_loop(text, len(text) / 29) == ""


def test_very_short_speech_is_given_seven_tenths_of_a_second():
    assert not is_too_fast("x" * 21, 0.1)
    assert is_too_fast("x" * 22, 0.1)


def test_text_in_other_scripts_is_judged_too():
    assert find_loop("спасибо " * 4, LONG) in ("repeat", "zlib")
    assert find_loop("Это не повторяется ни разу.", LONG) == ""


def test_a_long_text_is_judged_quickly():
    rng = random.Random(1)
    words = ["".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=6)) for _ in range(1000)]
    assert find_loop(" ".join(words), 5_000.0) == ""
