"""What nobody sees is never typed, and what scripts and emoji need stays, wherever it is cut."""

import sys
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.typed_text import TypedText
from swictation.config.settings import TextSettings
from swictation.text.characters import Cleaner, cleaned
from swictation.types import Commit

pytestmark = pytest.mark.unit

TAGGED = "".join(chr(0xE0000 + ord(letter)) for letter in "gbsct")
SCOTLAND = f"\U0001f3f4{TAGGED}\U000e007f"
NEEDED = [
    "می\u200cخواهم",  # Persian: I want
    "क्\u200dष",  # Devanagari: a half form
    "ක්\u200dය",  # Sinhala
    "ന്\u200d",  # Malayalam: a chillu as it was written before it had a letter
    "ᠮᠣᠩᠭᠣᠯ\u180e\u1820 ᠰ\u180b ᠨ\u180b\u180e\u1820",  # Mongolian: vowel separator, free variation
    "葛\U000e0100城市 神\ufe00",
    "👩\u200d❤\ufe0f\u200d💋\u200d👨",
    "👩🏽\u200d🚀 👍🏽",
    "🏳\ufe0f\u200d🌈 🏴\u200d☠\ufe0f",
    "❤\ufe0f ☎\ufe0e ™\ufe0f",
    "1\ufe0f\u20e3 #\ufe0f\u20e3 *\u20e3",
    "🇩🇪 🇪🇺",
    SCOTLAND,
    "naïve cafe\u0301 ﷽ ١٢٣ \u0601\u0661",  # marks that are seen, and a sign before a number
    "½ €5 – “So” ¿qué? 日本語。",
]
HIDDEN = [
    ("pass\u200bword", "password"),
    ("soft\u00adware", "software"),
    ("\ufeffHello", "Hello"),
    ("to\u2060gether \u2063\u2064", "together "),
    ("if \u202egnp.exe\u202c", "if gnp.exe"),
    ("\u2066a\u2069 \u200eb\u200f \u061cc", "a b c"),
    ("".join(chr(0xE0000 + ord(letter)) for letter in "rm -rf"), ""),
    (f"🏴{TAGGED} and", "🏴 and"),  # never closed
    (f"🙂{TAGGED}\U000e007f", "🙂"),  # no such flag
    ("🏴" + TAGGED * 2 + "\U000e007f", "🏴"),
    ("a\u200db \u200d c\u200c", "ab  c"),
    ("👩\u200d hello", "👩 hello"),
    ("👩\u200b\u200d👧", "👩👧"),
    ("م\u200c\u200c\u200dن", "م\u200cن"),  # one is needed, two are a message
    ("٣\u200c٤", "٣٤"),
    ("x\ufe0f 5\ufe0f 5\ufe0f5 \ufe0e", "x 5 55 "),
    ("日\ufe0f x\U000e0100", "日 x"),
    ("\ufff9base\ufffagloss\ufffb", "basegloss"),
    ("a\u3164\uffa0\u115f\u034fb", "ab"),
    ("ᠰ\u180b\u180b\u180e\u180e", "ᠰ\u180b"),
    ("a\u2800b", "a b"),
    ("م\u180e\u200cن", "من"),  # a selector of another script
    ("bad\ufdd0\uffff\U0010fffe", "bad"),
]
BLANK_OF_BRAILLE = 0x2800
INVISIBLE = "\u200b\u200c\u200d\u200e\u202e\u2066\ufe0e\ufe0f\u00ad\ufeff\U000e0100\u180b\u180e"
PARTS = [*NEEDED, *INVISIBLE, *TAGGED, "\U000e007f", "🏴", "👩", "❤", "🏽", "1", "\u20e3", "\n"]
PARTS += ["م", "ක", "ᠮ", "葛", "a", " ", "\x1b", "\u2028", "\ud800"]
_mixtures = st.lists(st.sampled_from(PARTS) | st.characters(), max_size=12).map("".join)


def typed(*pieces: str) -> str:
    """What a composer makes of the pieces of one utterance."""
    composer = TypedText(TextSettings(capitalise=False), "fa")
    commits = [Commit(0, piece, final=False) for piece in pieces]
    return "".join(map(composer.append, [*commits, Commit(0, "", final=True)]))


@pytest.mark.parametrize("text", NEEDED)
def test_what_a_script_or_an_emoji_needs_is_kept(text):
    assert cleaned(text) == text


@pytest.mark.parametrize("text", NEEDED[:-1])
def test_it_is_typed_wherever_it_is_cut(text):
    for cut in range(len(text) + 1):
        assert typed("Say ", text[:cut], text[cut:]) == f"Say {text}"


@pytest.mark.parametrize(("text", "left"), HIDDEN)
def test_what_nobody_sees_is_dropped(text, left):
    assert cleaned(text) == left


def test_a_joiner_at_the_end_of_an_utterance_waits_for_nothing():
    composer = TypedText(TextSettings(), "en")
    out = composer.append(Commit(0, "Look 👩\u200d", final=True))
    out += composer.append(Commit(1, "👧 there", final=True))
    assert out == "Look 👩 👧 there"


@pytest.mark.slow
def test_of_all_characters_alone_none_is_left_that_is_not_seen():
    seen_formats = {*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD}
    seen_formats |= {*range(0x13430, 0x13440)}  # hieroglyphs: they say how signs are stacked
    for code in range(sys.maxunicode + 1):
        out = cleaned(f"a{chr(code)}b")
        category = unicodedata.category(chr(code))
        if category in {"Cc", "Cs", "Zl", "Zp"} or code == BLANK_OF_BRAILLE:
            assert out == "a b", hex(code)
        elif category == "Cf" and code not in seen_formats:
            assert out == "ab", hex(code)
        elif out == "ab":
            # Default_Ignorable_Code_Points of other categories, and what is no character.
            assert category in {"Mn", "Lo", "Cn", "So"}, hex(code)
        else:
            assert out == f"a{chr(code)}b", hex(code)


def test_no_letter_digit_or_sign_that_is_seen_is_dropped():
    blank_letters = {0x115F, 0x1160, 0x3164, 0xFFA0}
    for code in range(sys.maxunicode + 1):
        char = chr(code)
        if unicodedata.category(char)[0] in "LNPSZ" and code not in blank_letters | {0xFFFC}:
            assert cleaned(char) in (char, " "), hex(code)


@given(_mixtures)
@settings(max_examples=1000)
def test_to_clean_what_is_clean_changes_nothing(text):
    assert cleaned(cleaned(text)) == cleaned(text)


@given(text=_mixtures, cuts=st.lists(st.integers(0, 40), max_size=6).map(sorted))
@settings(max_examples=1000)
def test_however_it_is_cut_the_text_is_the_same(text, cuts):
    cleaner, ends = Cleaner(), [*cuts, len(text)]
    pieces = [text[begin:end] for begin, end in zip([0, *cuts], ends, strict=True)]
    assert "".join(map(cleaner.add, pieces)) == cleaned(text)


@given(st.lists(_mixtures, max_size=4))
@settings(max_examples=300)
def test_what_is_typed_is_clean(pieces):
    out = typed(*pieces)
    assert cleaned(out) == out
