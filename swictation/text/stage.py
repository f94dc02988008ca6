"""The port of text stages, which work on text on its way to the window, and their items. Pure.

A command to the daemon itself ("stop dictation") will be a third kind of item, beside `Insert` and
`Key`, once there is a stage that makes one.
"""

from typing import Literal, Protocol

import msgspec


class Insert(msgspec.Struct, frozen=True, gc=False):
    """Text that follows what was inserted before."""

    text: str


class Key(msgspec.Struct, frozen=True, gc=False):
    """A key to press. Nothing is joined across it."""

    name: Literal["enter", "tab"]

    @property
    def text(self) -> str:
        """The character that stands for it, in texts that are shown, kept or handed over whole."""
        return "\n" if self.name == "enter" else "\t"


Item = Insert | Key


class TextStage(Protocol):
    """Turns items into items, one utterance after the other. Append-only.

    What goes in comes out, in order: as it is, replaced or dropped on purpose. The cut of the
    text into items means nothing: "new line" may come as "new" and " line". So a stage may hold
    back the beginning of what it may know, until `finish` at the latest.
    """

    def feed(self, item: Item) -> list[Item]:
        """Take the next item; return what is decided by now.

        A `Key` is returned too, after all that was held back before it.
        """
        ...

    def finish(self, *, joins_next: bool) -> list[Item]:
        """The utterance ends: let go of what is held back.

        `joins_next`: the next one continues this sentence, which was cut for its length.
        """
        ...

    def abandon(self) -> None:
        """Nothing more of this utterance will come: forget what is held back."""
        ...


def inserted(text: str) -> list[Item]:
    """`text` as items: none if it is empty."""
    return [Insert(text)] if text else []
