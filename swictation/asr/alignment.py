"""What of a new text lies behind the words that are already typed. Pure."""

import re

_MARKS = ".,!?;:…"
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")


def has_words(text: str) -> bool:
    """Whether there is more in it than punctuation."""
    return _WORD.search(text) is not None


def rest_after(typed: str, text: str) -> str:
    """The part of `text` behind the prefix that is most like `typed`.

    With the punctuation that follows that prefix, unless `typed` has its own there already.

    Likeness is the edit distance in words, case and punctuation ignored; of prefixes that are
    equally like it the longest counts, so that no typed word is typed twice.
    """
    old = [word.lower() for word in _WORD.findall(typed)]
    spans = list(_WORD.finditer(text))
    # One row of Levenshtein's matrix at a time: distances of `old` so far to each prefix.
    row = list(range(len(spans) + 1))
    for count, word in enumerate(old, 1):
        above, row = row, [count]
        for at, span in enumerate(spans, 1):
            change = above[at - 1] + (span[0].lower() != word)
            row.append(min(change, above[at] + 1, row[-1] + 1))
    length = max(at for at in range(len(row)) if row[at] == min(row))
    rest = text[spans[length - 1].end() :] if length else text
    return rest.lstrip(_MARKS) if length and typed.rstrip()[-1:] in tuple(_MARKS) else rest
