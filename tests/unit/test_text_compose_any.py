"""Whatever the engine says, cut however it likes: what always holds of the text typed."""

import itertools
import re

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from fakes.typed_text import TypedText
from swictation.config.settings import TextSettings
from swictation.text.characters import cleaned
from swictation.types import Commit

pytestmark = pytest.mark.unit

_TOKENS = ["and", "The", "I'll", "Rose", "don't", "42", "-5", ".5", ".NET", "A.M.", "U.S.", "éa"]
_MARKS = [
    ".",
    ",",
    "?",
    "!",
    "...",
    "…",
    ";",
    ":",
    "-",
    '"',
    "“",
    "”",
    "(",
    ")",
    "«",
    "»",
    "'",
    "¿",
]
_tokens = st.lists(st.sampled_from(_TOKENS + _MARKS), min_size=1, max_size=3).map("".join)
_spoken = st.lists(_tokens | st.sampled_from(_TOKENS), max_size=8).map(" ".join)
# Dotless i is the one letter whose capital is another letter's.
_anything = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="ı"), max_size=20)
_commits = st.lists(st.tuples(_spoken | _anything, st.booleans(), st.booleans()), max_size=6)
_settings = st.builds(TextSettings, capitalise=st.booleans(), final_punctuation=st.booleans())
_languages = st.sampled_from(["en", "de"])


def composed(commits, text_settings, language) -> str:
    """All that is typed of (text, final, joins_next)."""
    composer = TypedText(text_settings, language)
    utterance, out = 0, ""
    for text, final, joins_next in commits:
        out += composer.append(
            Commit(utterance, text, final=final, joins_next=final and joins_next)
        )
        utterance += final
    return out + composer.append(Commit(utterance, "", final=True))


def words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text.casefold())


@given(commits=_commits, text_settings=_settings, language=_languages)
@settings(max_examples=200, deadline=None)
def test_no_space_is_doubled_leads_or_stands_before_a_mark(commits, text_settings, language):
    out = composed(commits, text_settings, language)
    assert not re.search(r"\s\s|^\s|[\x00-\x1f]", out)
    assert not re.search(r" ([,?!;:]|\.(?![^\W_]))", out)


@given(commits=_commits, text_settings=_settings, language=_languages)
@settings(max_examples=200, deadline=None)
def test_every_word_is_typed_once_and_in_order(commits, text_settings, language):
    said = "".join(text + (" " if final else "") for text, final, _ in commits)
    assert words(composed(commits, text_settings, language)) == words(cleaned(said))


@given(
    before=_spoken,
    text=_spoken,
    cuts=st.lists(st.tuples(st.integers(0, 30), st.integers(0, 1)), max_size=4),
    joins=st.tuples(st.booleans(), st.booleans()),
    text_settings=_settings,
    language=_languages,
)
@example("and", "The ?and", [(0, 0)], (False, False), TextSettings(), "en")
@settings(max_examples=200, deadline=None)
def test_where_an_utterance_is_cut_between_words_makes_no_difference(
    before, text, cuts, joins, text_settings, language
):
    blanks = [i for i, char in enumerate(text) if char == " "]
    assume(blanks)
    ends = sorted({blanks[i % len(blanks)] + side for i, side in cuts})
    edges = [0, *ends, len(text)]
    pieces = [text[a:b] for a, b in itertools.pairwise(edges)]
    first = (before, True, joins[0])
    whole = [first, (text, True, joins[1]), ("Then", True, False)]
    in_pieces = [
        first,
        *((piece, False, False) for piece in pieces[:-1]),
        (pieces[-1], True, joins[1]),
        ("Then", True, False),
    ]
    assert composed(in_pieces, text_settings, language) == composed(whole, text_settings, language)
