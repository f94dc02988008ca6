"""Drops invisible characters from text, except where a script or an emoji needs them. Pure.

Engines learn from text that has zero-width marks, direction overrides and tags in it. Typed, these
reorder the text around them, hide words, or break a search for a word.

Kept are those that change how the text looks, and only where they do:

- ZWJ and ZWNJ after a letter of a script that joins its letters (Arabic, Indic, Mongolian, ...);
- ZWJ between two emoji; VS15 and VS16 after one; VS16 within a keycap;
- variation selectors after an ideograph; after Mongolian's letters its own, and its separator;
- tags as the name of a region behind a black flag, closed by the cancel tag.

The direction marks LRM, RLM and ALM are dropped like the overrides and isolates: no word is spelt
with them, and they act on text that is not ours.
"""

import re
import unicodedata

_ZWNJ, _ZWJ = "\u200c", "\u200d"
_DROPPED = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufdd0-\ufdef\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffc\ufffe\uffff"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
) + "".join(
    f"{chr(plane + 0xFFFE)}{chr(plane + 0xFFFF)}" for plane in range(2**16, 0x110000, 2**16)
)
"""Unicode's Default_Ignorable_Code_Points, interlinear annotation, and noncharacters."""

_CONTROL = "\x00-\x1f\x7f-\x9f\u2028\u2029\u2800\ud800-\udfff"
"""With the blank of braille, which looks like a space and is none."""
_JOINING = (
    "\u0620-\u07ff\u0840-\u086f\u0870-\u0dff\u0f00-\u109f\u1780-\u18af\u1900-\u1cff\ua840-\ua87f"
    "\ua8e0-\ua9ff\uaa60-\uaadf\uabc0-\uabff\ufb50-\ufdcf\ufdf0-\ufdff\ufe70-\ufefe"
    "\U00010a00-\U00010aff\U00010d00-\U00010fff\U00011000-\U00011fff\U0001e900-\U0001e95f"
)
_MONGOLIAN = "\u1820-\u18aa"
_IDEOGRAPH = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003fffd"
_EMOJI = (
    "\u00a9\u00ae\u203c\u2049\u2122\u2139\u2194-\u2199\u21a9\u21aa\u231a-\u23ff\u24c2\u25aa-\u25fe"
    "\u2600-\u27bf\u2934\u2935\u2b05-\u2b55\u3030\u303d\u3297\u3299"
    "\U0001f000-\U0001f1e5\U0001f200-\U0001faff"
)
_SKIN = "\U0001f3fb-\U0001f3ff"
_FLAG = "\U0001f3f4"
_TAG = "\U000e0030-\U000e0039\U000e0061-\U000e007a"
_CANCEL = "\U000e007f"

_ONE_EMOJI = f"[{_EMOJI}](?:[\ufe0e\ufe0f{_SKIN}])?"
_TOKEN = re.compile(
    rf"""
      (?P<dropped>[{_DROPPED}])
    | (?P<control>[{_CONTROL}])
    | (?P<flag>{_FLAG}[{_TAG}]{{3,6}}{_CANCEL})
    | (?P<emoji>{_ONE_EMOJI}(?:{_ZWJ}{_ONE_EMOJI})*)
    | (?P<keycap>[0-9#*]\ufe0f\u20e3)
    | (?P<ideograph>[{_IDEOGRAPH}][\ufe00-\ufe02\U000e0100-\U000e01ef])
    | (?P<mongolian>[{_MONGOLIAN}](?:[\u180b-\u180d\u180f]\u180e?|\u180e)(?:[{_ZWNJ}{_ZWJ}])?)
    | (?P<joining>[{_JOINING}][{_ZWNJ}{_ZWJ}])
    | (?s:.)
    """,
    re.VERBOSE,
)
_OPEN = re.compile(
    rf"(?:(?<=[{_EMOJI}\ufe0e\ufe0f]){_ZWJ}|(?<={_FLAG})[{_TAG}]{{1,6}}|(?<=[0-9#*])\ufe0f)\Z"
)
"""At the end of a piece: characters that are needed or not depending on the next one."""
_LAST_EMOJI = re.compile(rf"{_ONE_EMOJI}\Z")


def cleaned(text: str) -> str:
    """`text` without invisible characters that nothing needs. Idempotent.

    Controls, line breaks and lone surrogates become spaces, so that words stay apart.
    """
    return "".join(_kept(token) for token in _TOKEN.finditer(text))


class Cleaner:
    """The same for text in pieces: the results, joined, are the whole text cleaned.

    What cannot be decided yet (six tags at most) is held back until `end`, or the next piece.
    """

    def __init__(self) -> None:
        self.end()

    def end(self) -> None:
        """The text is over: what was held back was never needed."""
        self._before = ""
        """The last character that was passed on, with what belongs to it."""
        self._open = ""

    def add(self, piece: str) -> str:
        """Take the next piece; return what is decided of it."""
        before, text = self._before, self._before + self._open + piece
        is_open = _OPEN.search(text)
        self._open = is_open[0] if is_open else ""
        kept, self._before = "", ""
        for token in _TOKEN.finditer(text.removesuffix(self._open)):
            self._before = _kept(token)
            kept += self._before
        if last := _LAST_EMOJI.search(self._before):
            self._before = last[0]  # no more of a long sequence is needed
        return kept[len(before) :]


def _kept(token: re.Match[str]) -> str:
    if token["dropped"]:
        return ""
    if token["control"]:
        return " "
    if token["joining"] and unicodedata.category(token[0][0])[0] not in "LM":
        return token[0][0]  # a digit, or a mark between words
    return token[0]
