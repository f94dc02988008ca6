"""Text that could not be delivered, in order, until somebody asks for it."""

import msgspec

from swictation.dictation.delivery.unproven import Unproven


class HeldText(msgspec.Struct, frozen=True, eq=False):
    """A piece of text that no window is known to have."""

    utterance: int
    text: str
    reason: str
    unproven: Unproven | None = None
    """Set while a window may still take it by itself: until then it is typed nowhere else."""


class HeldTexts:
    """An ordered list in memory; the sound of its utterances stays in the spool meanwhile.

    Text leaves it only when the user asks (paste-last, cancel) or when it turns out to have
    arrived: it grows by what is spoken.
    """

    def __init__(self) -> None:
        self._pieces: list[HeldText] = []

    def __len__(self) -> int:
        return len(self._pieces)

    @property
    def reason(self) -> str:
        """Why the last of them is held, or ""."""
        return self._pieces[-1].reason if self._pieces else ""

    @property
    def first(self) -> HeldText | None:
        """The one to be delivered next."""
        return self._pieces[0] if self._pieces else None

    @property
    def whole(self) -> str:
        """All of them, joined."""
        whole, last = "", None
        for piece in self._pieces:
            goes_on = piece.utterance == last
            whole += piece.text if goes_on else f" {piece.text.lstrip()}"
            last = piece.utterance
        return whole.lstrip()

    @property
    def utterances(self) -> frozenset[int]:
        """Those with text in the list."""
        return frozenset(piece.utterance for piece in self._pieces)

    @property
    def pending(self) -> tuple[Unproven, ...]:
        """Those of them that may still arrive by themselves."""
        return tuple(piece.unproven for piece in self._pieces if piece.unproven)

    def add(self, utterance: int, text: str, reason: str) -> None:
        """Hold `text`; what follows a held piece of the same utterance joins it.

        Nothing joins what may still arrive by itself.
        """
        last = self._pieces[-1] if self._pieces else None
        if last and last.utterance == utterance and not last.unproven:
            self._pieces[-1] = HeldText(utterance, last.text + text, last.reason)
        else:
            self._pieces.append(HeldText(utterance, text, reason))

    def add_unproven(self, one: Unproven) -> None:
        """Hold what may still arrive by itself."""
        self._pieces.append(_pending(one))

    def sent(self, characters: int, unproven: Unproven | None = None) -> None:
        """Remove what was sent of the first; `unproven` of that may or may not have arrived.

        What is sent is never sent again.
        """
        first = self._pieces.pop(0)
        left = [_pending(unproven)] if unproven else []
        if rest := first.text[characters:]:
            left.append(HeldText(first.utterance, rest, first.reason))
        self._pieces[:0] = left

    def decide(self, one: Unproven) -> bool:
        """Remove a decided text if it arrived, or may have; else hold it like any other.

        Returns:
            Whether it was in the list.
        """
        before, self._pieces = self._pieces, []
        for piece in before:
            if piece.unproven is not one:
                reason = one.end if piece.reason == one.wait else piece.reason
                self._pieces.append(
                    piece if piece.unproven else HeldText(piece.utterance, piece.text, reason)
                )
            elif one.verdict is False:
                self._pieces.append(HeldText(one.utterance, one.text, one.end))
        return any(piece.unproven is one for piece in before)

    def clear(self) -> frozenset[int]:
        """Forget them; return the utterances that they belonged to."""
        utterances = self.utterances
        self._pieces.clear()
        return utterances


def _pending(one: Unproven) -> HeldText:
    return HeldText(one.utterance, one.text, one.wait, one)
