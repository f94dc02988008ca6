"""Text that could not be delivered, in order, until somebody asks for it."""

import msgspec


class HeldText(msgspec.Struct, frozen=True, gc=False):
    """A piece of text that no window has."""

    utterance: int
    text: str
    reason: str


class HeldTexts:
    """An ordered list in memory; the sound of its utterances stays in the spool meanwhile.

    Nothing is dropped from it but by the user (paste-last, cancel): it grows by what is spoken.
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
        return " ".join(piece.text.lstrip() for piece in self._pieces)

    @property
    def utterances(self) -> frozenset[int]:
        """Those with text in the list."""
        return frozenset(piece.utterance for piece in self._pieces)

    def add(self, utterance: int, text: str, reason: str) -> None:
        """Hold `text`; what follows a held piece of the same utterance joins it."""
        last = self._pieces[-1] if self._pieces else None
        if last and last.utterance == utterance:
            self._pieces[-1] = HeldText(utterance, last.text + text, last.reason)
        else:
            self._pieces.append(HeldText(utterance, text, reason))

    def sent(self, characters: int) -> None:
        """So much of the first has left: what is sent is never sent again."""
        first = self._pieces.pop(0)
        if rest := first.text[characters:]:
            self._pieces.insert(0, HeldText(first.utterance, rest, first.reason))

    def clear(self) -> frozenset[int]:
        """Forget them; whose they were."""
        utterances = self.utterances
        self._pieces.clear()
        return utterances
