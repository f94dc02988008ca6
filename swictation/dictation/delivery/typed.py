"""What was typed last, and where: later text is joined to it, and `paste-last` repeats it."""

import re
from collections import deque

import msgspec

from swictation.dictation.delivery.unproven import Unproven, is_same
from swictation.inject.injector import Focused, Unknown

AGAIN = -1
"""In place of an utterance: text that was typed once more."""
_NO_DICTATION = -1
_WINDOWS = 8
"""So many are remembered, to come back to."""
_LONE_MARK = re.compile(r"^\s*[.,;:!?\u2026\u3001\u3002\uff01\uff0c\uff1f]+(?=\s|$)")
"""The end of a sentence that stands elsewhere: no text begins with it."""


class _Typed(msgspec.Struct, frozen=True, eq=False):
    target: Focused
    utterance: int
    text: str


class LastTyped:
    """Knows only what has arrived, as far as that can be known."""

    def __init__(self) -> None:
        self.last: _Typed | None = None
        self._elsewhere: deque[_Typed] = deque(maxlen=_WINDOWS)
        """The last of each other window, the newest at the end."""
        self.dictation = 0
        """The number of the one whose texts are sent now."""
        self._text = ""
        self._of = _NO_DICTATION
        self._doubted = _NO_DICTATION

    def begin_dictation(self) -> None:
        """Make what is typed from now on a text of its own."""
        self.dictation += 1

    def note(self, target: Focused, utterance: int, text: str) -> None:
        """Note that `text` has gone into the window `target`."""
        if text:
            self._put(_Typed(self._place(target), utterance, text))
            if utterance != AGAIN:
                self._remember(text, self.dictation)

    def note_late(self, one: Unproven) -> None:
        """Note a late arrival; other windows may have been typed into meanwhile."""
        last = self.last
        typed = _Typed(self._place(one.target), one.utterance, one.text)
        is_last = last is None or last is one.before or is_same(last.target, one.target)
        self._put(typed, is_last=is_last)
        if one.utterance != AGAIN:
            self._remember(one.text, one.dictation)

    def doubt(self) -> None:
        """Rule out a repetition: not all of the dictation is known to have arrived when sent."""
        self._doubted = self.dictation

    @property
    def may_repeat(self) -> bool:
        """Whether all of the last dictation is known to have arrived, at once."""
        return self._doubted < self._of or self._doubted == _NO_DICTATION

    @property
    def whole(self) -> str:
        """The text of the last dictation that has arrived."""
        return self._text.strip()

    def before(self, target: Focused) -> str:
        """What was typed last into the window `target`, as far as that is remembered; else "".

        If the window is unknown, the text goes on where it was.
        """
        last = self._last_in(target)
        return last.text if last else ""

    def joined(self, utterance: int, text: str, target: Focused) -> str:
        """`text` as it follows what was typed last into that window."""
        last = self._last_in(target)
        if last is None:
            return _LONE_MARK.sub("", text).lstrip()
        if last.utterance == utterance:
            return text
        space = "" if last.text[-1].isspace() else " "  # a space may have been typed by itself
        return f"{space}{text.lstrip()}"

    def _last_in(self, target: Focused) -> _Typed | None:
        if self.last is None or isinstance(target, Unknown) or is_same(target, self.last.target):
            return self.last
        return next((it for it in reversed(self._elsewhere) if is_same(target, it.target)), None)

    def _put(self, typed: _Typed, *, is_last: bool = True) -> None:
        """Remember it in place of what was last in its window."""
        other = self.last if is_last else typed
        others = [it for it in self._elsewhere if not is_same(it.target, typed.target)]
        if other and (other is typed or not is_same(other.target, typed.target)):
            others.append(other)
        self._elsewhere.clear()
        self._elsewhere.extend(others)
        if is_last:
            self.last = typed

    def _place(self, target: Focused) -> Focused:
        return self.last.target if self.last and isinstance(target, Unknown) else target

    def _remember(self, text: str, dictation: int) -> None:
        if dictation < self._of:
            return  # a later one has been typed since
        self._text = self._text + text if dictation == self._of else text
        self._of = dictation
