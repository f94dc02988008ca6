"""The objects of the display thread, and the choice between typing and pasting."""

from concurrent.futures import Future
from typing import Literal

from swictation.inject.injector import OTHER_WINDOW, Focused, Injection, NoWindow, Target
from swictation.inject.proofs import outcome
from swictation.inject.unsafe_characters import for_terminal
from swictation.inject.x11.barrier import Barrier
from swictation.inject.x11.connection import Connection
from swictation.inject.x11.focus import FOCUS_RETURN_S, MOVED, Focus, read_focus
from swictation.inject.x11.keys.keyboard import Keyboard
from swictation.inject.x11.keys.typist import Typist
from swictation.inject.x11.keys.unread import UnreadKeys
from swictation.inject.x11.paster import Paster
from swictation.inject.x11.progress import Halted, Progress, Refused
from swictation.inject.x11.selection import Content

Method = Literal["type", "paste", "either"]

Delivered = tuple[Injection, "Future[bool | None] | None"]
"""With the proof of what is unproven."""

MAX_NEWCOMERS = 6
"""Above this, a remapping costs the window manager more than a paste."""

_TARGET_S = 0.3


def prefers_typing(*, answers_ping: bool, newcomers: int) -> bool:
    """Typing leaves the clipboard alone, but only a window that answers can prove it."""
    return answers_ping and newcomers <= MAX_NEWCOMERS


class X11Session:
    """Types and pastes on one display. For the display thread, like all that it holds."""

    def __init__(self, display_name: str | None = None) -> None:
        self.connection = Connection(display_name)
        self._keyboard = Keyboard(self.connection)
        self._barrier = Barrier(self.connection)
        self._unread = UnreadKeys(self._barrier, self._keyboard.spares)
        self._typist = Typist(self.connection, self._keyboard, self._barrier, self._unread)
        self._paster = Paster(self.connection, self._keyboard, self._barrier)

    @property
    def due_s(self) -> float | None:
        """When `tend` wants to be called."""
        return self._paster.due_s

    def tend(self) -> None:
        """Do what is due between two injections."""
        self._unread.tend()
        self._paster.tend()

    def target(self) -> Focused:
        """The window with the focus; `NoWindow` only if none has it for a while."""
        focus = self._look(_TARGET_S)
        return focus.target if focus else NoWindow()

    def offer(self, text: str) -> bool:
        """Put `text` on the clipboard to stay; False if that fails."""
        return self._paster.offer(text)

    def withdraw(self) -> None:
        """See `Injector.withdraw`."""
        self._paster.withdraw()

    def deliver(
        self, text: str, method: Method, progress: Progress, into: Target | None = None
    ) -> Delivered:
        """Deliver `text` to the focused window by `method`; with `into`, only if it is that one."""
        reason, proof = "", None
        try:
            focus = self._focus(into)
            if why_not := self._paster.why_not(focus) or self._unread.why_not(focus):
                raise Refused(why_not)
            with self._barrier.watching(focus):
                self._deliver(text, method, focus, progress)
        except Refused as end:
            reason = OTHER_WINDOW if end.reason == MOVED else end.reason
        except Halted as end:
            reason, proof = end.reason, end.proof
        return outcome(text, progress.read(), reason, is_open=proof is not None), proof

    def close(self) -> Content:
        """Give back keycodes and clipboard; returns the content to keep after our end.

        The connection stays open: closing it would drop what was given back.
        """
        kept = self._paster.close()
        self._unread.close(None)
        self._typist.close()
        return kept

    def abandon(self) -> None:
        """Decide every open proof: the display is gone, perhaps for us only."""
        self._paster.abandon()
        self._unread.close(False if self.connection.has_ended() else None)

    def _focus(self, into: Target | None) -> Focus:
        """The window for all of the text: from here on, each key checks that it has the focus."""
        focus = self._look(FOCUS_RETURN_S)
        if into is not None and (focus is None or into.id != focus.target.id):
            raise Refused(OTHER_WINDOW)
        if focus is None:
            raise Refused("no window has the focus")
        return focus

    def _look(self, timeout_s: float) -> Focus | None:
        """The focused application window; a window manager may have the focus for a moment."""
        focus: Focus | None = None

        def look() -> bool:
            nonlocal focus
            focus = read_focus(self.connection)
            return focus is not None

        self.connection.pump(look, timeout_s, poll_s=0.02)
        return focus

    def _deliver(self, text: str, method: Method, focus: Focus, progress: Progress) -> None:
        if focus.is_terminal:
            # The clipboard may change between a paste key and its handling, and run as a command.
            method, text = "type", for_terminal(text)
        first, second = self._typist.type, self._paster.paste
        if method == "paste" or (
            method == "either"
            and not prefers_typing(
                answers_ping=focus.answers_ping, newcomers=self._typist.newcomers(text)
            )
        ):
            first, second = second, first
        try:
            first(text, focus, progress)
        except Refused as refused:
            # A window that takes no paste and cannot confirm keys may swallow keys as well. But
            # if another window needs the clipboard, keys are the only way to this one.
            is_blind = not focus.answers_ping and not self._paster.is_bound
            if method != "either" or not refused.try_other or is_blind:
                raise
            second(text, focus, progress)
