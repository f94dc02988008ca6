"""A paste key that was pressed and may still wait in a window."""

import time
from concurrent.futures import Future
from typing import Literal

from swictation.inject.x11.barrier import Barrier
from swictation.inject.x11.focus import Focus
from swictation.inject.x11.marks import GRACE_S
from swictation.inject.x11.programs import (
    answers_for_itself,
    is_busy,
    is_stopped,
)
from swictation.inject.x11.selection import Offer, Selection

State = Literal["unread", "fetched", "spent"]

_QUIET_S = 0.5
"""After its last refusal, a window no longer asks for the same key once this has passed."""
_POLL_S = 2.0
"""How often to check whether a program without its window lives: no event reports that."""


class PasteKey:
    """A paste key: bound to the client that got it, and to the text on offer for that client.

    It is spent without an arrival once that is proven: the client is gone; it asked after the
    text was withdrawn; or a window that handles pings and keys alike answered a ping behind the
    key, and after a pause another one, and never asked. Time alone proves nothing.
    """

    def __init__(
        self,
        barrier: Barrier,
        selection: Selection,
        offer: Offer,
        focus: Focus,
        *,
        is_letter: bool,
    ) -> None:
        """`is_letter`: whether it is Control+V rather than Shift+Insert."""
        self._barrier = barrier
        self._selection = selection
        self.offer = offer
        """Text that its client has read stays read, even if somebody copies later."""
        self.focus = focus
        self.is_letter = is_letter
        self.proof: Future[bool | None] = Future()
        self._ping: int | None
        self._proves: bool | None = None
        self._grace_s: float | None = None
        self._is_last_ping = False
        self._asked_s = float("-inf")
        self._is_orphan = False
        self._paused_s: float | None = None
        self._round_s = time.monotonic()
        barrier.watch(focus.toplevel)
        self._ping = barrier.ping(focus) if focus.answers_ping else None

    def state(self) -> State:
        """The state now. Decides the proof if the text is no longer available."""
        is_gone = self._barrier.is_gone(self.focus)
        if self.has_read and not self.proof.done():
            if not ((self._paused_s and is_gone) or self._is_paused()):
                return "fetched"
        elif self.was_copied:
            self.decide(False)  # the key gets what was copied
        denied_s = self.offer.denied_s
        if denied_s and time.monotonic() >= denied_s + _QUIET_S:
            return "spent"
        if is_gone:
            self.withdraw()
            return "spent" if self._has_ended() else "unread"
        return "spent" if not self.has_read and self._has_passed() else "unread"

    @property
    def has_read(self) -> bool:
        """Whether its client was given the text, so that it cannot be taken back."""
        return self.focus.client in self.offer.reads

    @property
    def was_copied(self) -> bool:
        """Whether somebody else owns the clipboard, so that the key pastes that."""
        return self._selection.offer is not self.offer

    def pause(self) -> None:
        """Its client stopped while reading: "fetched" again once it continues."""
        self._paused_s = time.monotonic() + _POLL_S
        if self.focus.answers_ping:
            self._ping = self._barrier.ping(self.focus)

    def reads_on(self) -> bool:
        """Whether its client, which was given the text, may not have finished with it.

        Some read the text when they see the key, and again when they handle it: Chromium, whose
        page may be busy in between. After a second reading, or the pong of a window that proves
        what it handles, only a stopped process can delay it.
        """
        pid = self.focus.pid
        if is_stopped(pid):
            return True
        if self.offer.reads.get(self.focus.client, 0) > 1:
            return False
        return not (self.focus.answers_ping and self._proves_keys()) and is_busy(pid)

    @property
    def due_s(self) -> float | None:
        """When `state` may change without an event."""
        if self.offer.denied_s:
            return self.offer.denied_s + _QUIET_S
        if self._is_orphan:
            return self._asked_s + _POLL_S
        return self._paused_s or self._grace_s

    @property
    def reason(self) -> str:
        """Why its program gets no other text."""
        if self.proof.done():
            return "the window may still have a paste key to handle"
        return "the window has not taken the text before yet"

    def is_of(self, focus: Focus) -> bool:
        """Whether `focus` belongs to the program that has the key."""
        return focus.client == self.focus.client or focus.toplevel == self.focus.toplevel

    def survived(self, focus: Focus) -> bool:
        """Whether it may still be handled, after another window of its program was asked.

        If the program answers there, it has handled everything from before its window's end.
        """
        if not self._is_orphan or not focus.answers_ping or focus.toplevel == self.focus.toplevel:
            return True
        with self._barrier.watching(focus):
            return self._barrier.cross(focus) != "crossed"

    def withdraw(self) -> None:
        """Withdraw the text from its client, unless it was already given."""
        if not self.has_read or self._barrier.is_gone(self.focus):
            self.offer.is_withdrawn = True
            self.give_up()

    def decide(self, arrived: bool | None) -> None:
        """Decide the proof, unless it is decided."""
        if not self.proof.done():
            self.proof.set_result(arrived)

    def give_up(self) -> None:
        """End the offer; nobody knows whether text that its client was given was used."""
        self.decide(None if self.has_read else False)

    def close(self) -> None:
        """End it: it is spent, or no longer watched."""
        self.give_up()
        self._barrier.unwatch(self.focus.toplevel)

    def _is_paused(self) -> bool:
        if self._paused_s is None:
            return False
        if self._ping is not None:
            is_awake = self._barrier.has_answered(self.focus, self._ping)
        else:
            is_awake = time.monotonic() >= self._paused_s
        if not is_awake or self.reads_on():
            self._paused_s = time.monotonic() + _POLL_S
            return True
        self._paused_s = None
        return False

    def _has_ended(self) -> bool:
        """Whether the program, whose window is gone, is gone too. Its number may be reused."""
        self._is_orphan = True
        if time.monotonic() >= self._asked_s + _POLL_S:
            self._asked_s = time.monotonic()
            pid = self.focus.pid
            self._is_orphan = pid != 0 and self._barrier.process_of(self.focus) == pid
        return not self._is_orphan

    def _proves_keys(self) -> bool:
        """Whether its pongs prove that it has handled the keys before."""
        if self._proves is None:
            self._proves = answers_for_itself(self.focus.pid)
        return self._proves

    def _has_passed(self) -> bool:
        """Whether the window ignored the key, as its pongs prove.

        Two pongs with a pause between, and no request meanwhile: some windows ask in several
        steps, and some answer a ping when they read it and handle the key later.
        """
        if self._ping is None or not self._barrier.has_answered(self.focus, self._ping):
            return False
        if not self._proves_keys():
            return False
        now_s = time.monotonic()
        if self._is_last_ping:
            asked_s = self.offer.asked_s.get(self.focus.client, 0.0)
            if self.was_copied or asked_s < self._round_s:
                return True
            self._is_last_ping = False
        if self._grace_s is None:
            self._round_s, self._grace_s = now_s, now_s + GRACE_S
        elif now_s >= self._grace_s:
            self._grace_s, self._is_last_ping = None, True
            self._ping = self._barrier.ping(self.focus)
        return False
