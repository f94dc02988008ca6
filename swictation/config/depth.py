"""How deeply a TOML document is nested, checked before it is parsed.

The parser's time grows with the square of a key's parts, its stack by a frame for each bracket.
"""

import re

MAX_DEPTH = 8
"""Most open brackets, and most parts of a key. No setting needs more than two."""

# A string that never ends extends to the end: each character is looked at once.
_TEXT = r'"(?:[^"\\\n]|\\.)*+"?|' r"'[^'\n]*+'?"
_PART = rf"(?:[A-Za-z0-9_-]++|{_TEXT})"
_TOKEN = re.compile(
    rf"""
      \#[^\n]*+
    | \"\"\"(?:[^"\\]|\\.|"(?!""))*+(?:\"{{3,5}}|\Z)
    | \'\'\'(?:[^']|'(?!''))*+(?:\'{{3,5}}|\Z)
    | (?P<key>{_PART}(?:[ \t]*+\.[ \t]*+{_PART})*+)
    | (?P<bracket>[\[\]{{}}])
    """,
    re.VERBOSE | re.DOTALL,
)
_ONE_PART = re.compile(_PART, re.DOTALL)


def too_deep(text: str) -> int:
    """The line where a document is deeper than `MAX_DEPTH`; 0 if nowhere. Takes linear time."""
    depth = 0
    for token in _TOKEN.finditer(text):
        if key := token["key"]:
            deepest = sum(1 for _ in _ONE_PART.finditer(key))
        elif bracket := token["bracket"]:
            depth = max(0, depth + (1 if bracket in "[{" else -1))
            deepest = depth
        else:
            continue
        if deepest > MAX_DEPTH:
            return text.count("\n", 0, token.start()) + 1
    return 0
