"""Foreign text made safe for a terminal or a log.

A process, a microphone, a file and a window choose their names themselves. Each character that is
not a letter, digit, sign or space is shown as its code: controls, which a terminal obeys, and
marks of direction, which reorder the rest of the line.
"""

import re

import msgspec

_CUT = "..."


def printable(text: str, limit: int = 0) -> str:
    """`text` on one line; with `limit` no more than that many of its characters."""
    cut = bool(limit) and len(text) > limit
    shown = text[:limit] if cut else text
    if not shown.isprintable():
        shown = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in shown)
    return shown + _CUT if cut else shown


def shortened(text: str, most: int) -> str:
    """At most so many characters of `text`, cut between two words."""
    if len(text) <= most:
        return text
    whole = text[: most - len(_CUT) + 1].rpartition(" ")[0]
    return (whole or text[: most - len(_CUT)]) + _CUT


def printable_lines(text: str) -> str:
    """The same, with line feeds kept."""
    return "\n".join(map(printable, text.split("\n")))


def json_line(value: object) -> str:
    """A value as JSON with everything unprintable escaped."""
    return json_escaped(msgspec.json.encode(value).decode())


def json_escaped(text: str) -> str:
    """The same for text that is JSON already."""
    return text if text.isprintable() else re.sub(r"[^ -~]", _json_code, text)


def _json_code(match: re.Match[str]) -> str:
    char = match[0]
    if char.isprintable() or char in "\n\t\r":  # between its parts; within text they are escaped
        return char
    units = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
