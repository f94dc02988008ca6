"""All that the display thread works with, and the choice between typing and pasting."""

from typing import Literal

from swictation.inject.injector import OTHER_WINDOW, Injection, Target
from swictation.inject.sendable import for_terminal
from swictation.inject.x11.barrier import Barrier
from swictation.inject.x11.clipboard import Clipboard
from swictation.inject.x11.connection import Connection
from swictation.inject.x11.focus import FOCUS_RETURN_S, MOVED, Focus, read_focus
from swictation.inject.x11.keyboard import Keyboard
from swictation.inject.x11.ledger import Halted, Ledger, Refused
from swictation.inject.x11.paster import Paster
from swictation.inject.x11.selection import Selections
from swictation.inject.x11.typist import Typist

Method = Literal["type", "paste", "either"]

MAX_NEWCOMERS = 6
"""Above it a remapping costs the window manager more than a paste."""

_TARGET_S = 0.3


def prefers_typing(*, answers_ping: bool, newcomers: int) -> bool:
    """Typing leaves the clipboard alone, but only a window that answers can prove it."""
    return answers_ping and newcomers <= MAX_NEWCOMERS


class Desk:
    """Belongs to the display thread, like everything on it."""

    def __init__(self, display_name: str | None = None) -> None:
        self.connection = Connection(display_name)
        self._keyboard = Keyboard(self.connection)
        self._barrier = Barrier(self.connection)
        self._typist = Typist(self.connection, self._keyboard, self._barrier)
        self._paster = Paster(
            self.connection,
            self._keyboard,
            self._barrier,
            Selections(self.connection),
            Clipboard(self.connection),
        )

    @property
    def due_s(self) -> float | None:
        """When `tend` wants to be called."""
        return self._paster.due_s

    def tend(self) -> None:
        """What is to be done between two injections."""
        self._paster.tend()

    def target(self) -> Target | None:
        """Who has the focus; None only if nobody has for a while."""
        focus = self._look(_TARGET_S)
        return focus.target if focus else None

    def offer(self, text: str) -> bool:
        """Put `text` on the clipboard to stay; False if it cannot be."""
        return self._paster.offer(text)

    def deliver(
        self, text: str, method: Method, ledger: Ledger, into: Target | None = None
    ) -> Injection:
        """Deliver `text` to the focused window by `method`; with `into`, only if it is that one."""
        try:
            focus = self._focus(into)
            with self._barrier.listening(focus):
                self._deliver(
                    for_terminal(text) if focus.is_terminal else text, method, focus, ledger
                )
        except Refused as end:
            reason = OTHER_WINDOW if end.reason == MOVED else end.reason
            return outcome(text, ledger.read(), reason)
        except Halted as end:
            return outcome(text, ledger.read(), end.reason)
        return outcome(text, ledger.read(), "")

    def close(self) -> None:
        """Give back keycodes and clipboard, and leave."""
        self._paster.give_back()
        self._keyboard.give_back()
        self.connection.close()

    def _focus(self, into: Target | None) -> Focus:
        """Who gets all of the text: from here on each key asks whether it still has the focus."""
        focus = self._look(FOCUS_RETURN_S)
        if into is not None and (focus is None or into.id != focus.target.id):
            raise Refused(OTHER_WINDOW)
        if focus is None:
            raise Refused("no window has the focus")
        return focus

    def _look(self, timeout_s: float) -> Focus | None:
        """The focused application window; a window manager may have the focus for a moment."""
        found: list[Focus] = []

        def look() -> bool:
            focus = read_focus(self.connection)
            if focus:
                found.append(focus)
            return focus is not None

        self.connection.pump(look, timeout_s, poll_s=0.02)
        return found[-1] if found else None

    def _deliver(self, text: str, method: Method, focus: Focus, ledger: Ledger) -> None:
        if method == "type":
            return self._typist.type(text, focus, ledger)
        if method == "either" and prefers_typing(
            answers_ping=focus.answers_ping, newcomers=self._typist.newcomers(text)
        ):
            return self._type_or_paste(text, focus, ledger)
        try:
            self._paster.paste(text, focus, ledger)
        except Refused as refused:
            if method == "paste" or not refused.try_other:
                raise
            self._typist.type(text, focus, ledger)
        return None

    def _type_or_paste(self, text: str, focus: Focus, ledger: Ledger) -> None:
        try:
            self._typist.type(text, focus, ledger)
        except Refused as refused:
            if not refused.try_other:
                raise
            self._paster.paste(text, focus, ledger)


def outcome(text: str, counts: tuple[int, int], reason: str) -> Injection:
    """The port's words for what the ledger says; an empty `reason` means it ran to the end."""
    sent, confirmed = counts
    if reason and not sent:
        return Injection("refused", reason=reason)
    if reason:
        return Injection("partial", sent, confirmed, reason)
    return Injection("confirmed" if confirmed == len(text) else "typed", sent, confirmed)
