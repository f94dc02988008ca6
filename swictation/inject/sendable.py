"""What may never be typed from speech, whatever the method."""

import unicodedata

_NEVER = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Controls (a newline runs a shell command), surrogates, line and paragraph separators."""


def unsendable(text: str) -> str:
    """Why `text` cannot be sent as it stands, or "". Names the character, never the text."""
    for character in text:
        if unicodedata.category(character) in _NEVER:
            return f"control character U+{ord(character):04X}"
    return ""
