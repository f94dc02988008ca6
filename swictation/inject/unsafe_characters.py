"""What may never be typed from speech, whatever the method, and in what pieces the rest goes."""

import re
import unicodedata

_NEVER = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Controls (a newline runs a shell command), surrogates, line and paragraph separators."""

BREAKS = "\n\t"
"""What a user may allow all the same."""


def unsafe_reason(text: str, allowed: str = "") -> str:
    """Why `text` cannot be sent as it stands, or "". Names the character, never the text."""
    for character in text:
        if unicodedata.category(character) in _NEVER and character not in allowed:
            return f"control character U+{ord(character):04X}"
    return ""


def for_terminal(text: str) -> str:
    """A line that is pasted or typed into a shell runs: no break ever reaches a terminal."""
    return "".join(" " if character in BREAKS else character for character in text)


LONGEST_WORD = 40
"""Characters between two looks at the focus, at most."""

_WORD = re.compile(rf"\s?\S{{1,{LONGEST_WORD - 2}}}\s?|\s{{1,{LONGEST_WORD}}}")


def words(text: str) -> list[str]:
    """`text` in words, each with the blank behind it; what has none is cut at LONGEST_WORD."""
    return _WORD.findall(text)
