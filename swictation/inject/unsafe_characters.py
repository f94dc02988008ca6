"""Characters that may never be typed from speech, and the pieces in which the rest is sent."""

import re
import unicodedata

_NEVER = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Controls (a newline runs a shell command), surrogates, line and paragraph separators."""

BREAKS = "\n\t"
"""Those that the user may allow."""


def unsafe_reason(text: str, allowed: str = "") -> str:
    """Why `text` cannot be sent as it stands, or "". Names the character, never the text."""
    for character in text:
        if unicodedata.category(character) in _NEVER and character not in allowed:
            return f"control character U+{ord(character):04X}"
    return ""


def for_terminal(text: str) -> str:
    """Replace each break by a blank: in a shell, a line break would run the line."""
    return "".join(" " if character in BREAKS else character for character in text)


LONGEST_WORD = 40
"""The most characters between two checks of the focus."""

_WORD = re.compile(rf"\s?\S{{1,{LONGEST_WORD - 2}}}\s?|\s{{1,{LONGEST_WORD}}}")


def words(text: str) -> list[str]:
    """`text` in words, each with the blank behind it; longer words are cut at LONGEST_WORD."""
    return _WORD.findall(text)
