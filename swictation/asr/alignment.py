"""Finds the part of a new text that follows the words already typed. Pure."""

import re
from collections.abc import Sequence

_MARKS = ".,!?;:…"
_ONE_WORD_NOW = 0.12
"""The part of the letters, without blanks, that may differ where words became one ("there for",
"therefore"). With a larger part, words that were typed would be typed again (tests/unit)."""
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")


def has_words(text: str) -> bool:
    """Whether the text has more than punctuation."""
    return _WORD.search(text) is not None


def rest_after(typed: str, text: str) -> str:
    """Return the part of `text` after the prefix that is most like `typed`.

    It begins with the marks, signs or quotes after that prefix, less those that `typed` ends with.

    Likeness is the edit distance in words, without case and punctuation. Of equally likely prefixes
    the longest counts, so that no typed word is typed twice, unless the letters show that words
    became one.
    """
    if _begins_with(text, typed):
        return text[len(typed) :]
    typed_spans = list(_WORD.finditer(typed))
    length, end = _likest([span[0].lower() for span in typed_spans], list(_WORD.finditer(text)))
    if not length:
        return text
    rest, tail = text[end:], typed[typed_spans[-1].end() :].rstrip() if typed_spans else ""
    if tail and rest.startswith(tail):
        return rest[len(tail) :]
    return rest.lstrip(_MARKS) if tail.endswith(tuple(_MARKS)) else rest


def _begins_with(text: str, typed: str) -> bool:
    """Whether `text` begins with `typed`, which does not end in the middle of a word."""
    if not text.startswith(typed):
        return False
    return not (typed[-1:].isalnum() and text[len(typed) : len(typed) + 1].isalnum())


def _likest(old: list[str], spans: list[re.Match[str]]) -> tuple[int, int]:
    """Find the prefix of `spans` that is most like `old`: its number of words, and its end."""
    new = [span[0].lower() for span in spans]
    row = _distances(old, new)
    alike = [at for at in range(len(row)) if row[at] == min(row)]
    length = alike[-1] if len(alike) == 1 else _likest_in_letters(old, new, alike)
    return length, spans[length - 1].end() if length else 0


def _likest_in_letters(old: list[str], new: list[str], lengths: list[int]) -> int:
    """Choose among prefixes with these numbers of words, which are equally like `old` in words.

    The longest that ends with the same word as `old`, or else the longest of all. But a shorter one
    if words became one ("haus tuer", "haustuer ist"), which only the letters show; otherwise the
    next word would be lost.
    """
    if alike := [length for length in lengths if length and new[length - 1] == old[-1]]:
        return alike[-1]
    typed = "".join(old)
    row = _distances(typed, "".join(new[: lengths[-1]]))

    def difference(length: int) -> float:
        end = len("".join(new[:length]))
        return row[end] / max(len(typed), end)

    likest = min(reversed(lengths), key=difference)
    return likest if difference(likest) <= _ONE_WORD_NOW else lengths[-1]


def _distances(old: Sequence[str], new: Sequence[str]) -> list[int]:
    """Compute the Levenshtein distance of `old` to each prefix of `new`."""
    row = list(range(len(new) + 1))
    for count, one in enumerate(old, 1):
        above, row = row, [count]
        for at, other in enumerate(new, 1):
            row.append(min(above[at - 1] + (other != one), above[at] + 1, row[-1] + 1))
    return row
