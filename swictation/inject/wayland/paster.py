"""Text through the clipboard: offered, then the paste key, then kept until the key is spent.

A key in a busy window's queue has no content: it pastes what is there when the window handles it.
So while a key is unproven its text stays, nothing else is put under it, and the old content
comes back only when the key is proven spent or its window is gone.
"""

import contextlib
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

from swictation.inject.wayland.backlog import TAKES_S, Backlog
from swictation.inject.wayland.chain import is_chromium
from swictation.inject.wayland.client.connection import IN_TEXT_S, Connection
from swictation.inject.wayland.client.pipes import Sender
from swictation.inject.wayland.client.wire import WireError
from swictation.inject.wayland.data_control import RESTORE_S, Clipboard, Offered, Reading
from swictation.inject.wayland.keyboard import Keyboard
from swictation.inject.wayland.toplevels import Toplevels, Window
from swictation.inject.wayland.unproven import may_be_same
from swictation.inject.wayland.witness import Key, Watchers

QUIET_S = 0.04
"""Once nobody has read for this long, programs that read all new content have done so."""
QUIET_WITHIN_S = 0.4
AFTER_EMPTY_S = 2.0
"""From a reading of a withdrawn text to other content: some check first and then read."""
GIVES_UP_S = 30.0
"""After this long the text is withdrawn, so that it can go elsewhere; the key is still unread."""


@dataclass
class Paste:
    """A text on offer for a key that has been pressed."""

    offered: Offered
    window: Window | None
    key: Key
    needed: int
    """How many complete readings prove it."""
    before: int
    """How many readings had begun when the key was pressed."""
    proof: Future[bool | None] = field(default_factory=Future[bool | None])
    is_stray: bool = False
    """Whether the focus moved when the key was pressed, so that another window may have it."""
    withdrawn_at: int | None = None
    """How many readings had begun when the text was taken back."""

    @property
    def is_taken(self) -> bool:
        """Whether the window has the text."""
        return self._is_read_by(lambda sender: sender.drained)

    @property
    def is_being_read(self) -> bool:
        """Whether the window holds an open pipe: what is in it cannot be taken back."""
        return any(r.is_ours and r.sender and not r.sender.is_over for r in self._readings)

    @property
    def is_in_the_pipe(self) -> bool:
        """Whether the window will get the text if it lives, even without us."""
        return self._is_read_by(lambda sender: sender.is_written)

    @property
    def has_read_nothing(self) -> bool:
        """Whether the window has read the clipboard after the text was taken back."""
        at = self.withdrawn_at
        return at is not None and any(r.is_ours for r in self._readings[at:])

    def _is_read_by(self, has_text: Callable[[Sender], bool]) -> bool:
        readings = self._readings[: self.withdrawn_at]
        return sum(r.is_ours and has_text(r.sender) for r in readings if r.sender) >= self.needed

    @property
    def _readings(self) -> list[Reading]:
        return self.offered.readings

    def take_back(self) -> None:
        """Withdraw it: later readers get nothing."""
        self.offered.content.clear()
        self.withdrawn_at = len(self.offered.readings)
        self.decide(has_arrived=False)

    def decide(self, *, has_arrived: bool) -> None:
        """Decide, once. Unknown if a reader was not seen, or is cut off by our end."""
        if not self.proof.done():
            asked = self._readings[self.before :]
            is_unseen = any(not r.readers and r.sender and r.sender.is_written for r in asked)
            self.proof.set_result(
                has_arrived or (None if is_unseen or self.is_being_read else False)
            )


class Paster:
    """One paste at a time. For the connection's thread."""

    def __init__(
        self,
        connection: Connection,
        clipboard: Clipboard,
        keyboard: Keyboard,
        backlog: Backlog,
        toplevels: Toplevels,
    ) -> None:
        self._toplevels = toplevels
        self._connection = connection
        self._clipboard = clipboard
        self._keyboard = keyboard
        self._backlog = backlog
        self._watchers = Watchers()
        self._paste: Paste | None = None
        """The last one, until its key is proven spent or gone."""

    @property
    def is_free(self) -> bool:
        """Whether other content may be put into the clipboard: no key of ours can find it."""
        return self._paste is None

    def paste(self, text: str, window: Window | None, check: Callable[[], None]) -> Paste | str:
        """Offer `text`, press the key, wait a little for the window to take it.

        Returns the paste, whose proof may be open, or the reason why nothing was pressed. Raises
        WireError, and what `check` raises, which is called right before the key.
        """
        if not self.is_free:
            return "an earlier text is still on offer in the clipboard"
        offered = self._clipboard.lend(text)
        if offered is None:
            return "the clipboard's content cannot be kept"
        try:
            self._let_others_read(offered)
            if offered.cancelled:
                self._clipboard.rescue(text)
                return "another program takes over the clipboard"
            self._keyboard.come_forward()
            check()
        except BaseException:
            self._clipboard.give_back_later()
            raise
        return self._press(offered, window)

    def withdraw(self) -> None:
        """Withdraw the text from everybody; not while the window is reading it."""
        paste = self._paste
        if paste is not None:
            self._connection.wait(lambda: not paste.is_being_read, TAKES_S)
            self._take_back(paste)

    def holds(self, window: Window | None) -> bool:
        """Whether a text, or the key of one that was taken back, waits or may wait for `window`.

        The window may take no text at all: keys would be lost there without a trace.
        """
        paste = self._paste
        if paste is None or not may_be_same(paste.window, window):
            return False
        has_key = window is not None and not paste.offered.cancelled
        return has_key or not paste.proof.done()

    def window_closed(self, window: Window) -> None:
        """Handle the end of a window: a key in its queue is gone too."""
        if self._paste is not None and self._paste.window is window:
            self._end(self._paste, has_arrived=False, delay_s=0.0)

    def close(self) -> None:
        """End: the connection is gone or about to be, and nothing is on offer any more."""
        if self._paste is not None:
            self._paste.decide(has_arrived=self._paste.is_in_the_pipe)

    def _let_others_read(self, offered: Offered) -> None:
        """Note readers before there is a key: they read every new content."""
        began_s = offered.read_s = time.monotonic()
        while not offered.cancelled:
            until_s = min(offered.read_s + QUIET_S, began_s + QUIET_WITHIN_S)
            left_s = until_s - time.monotonic()
            if left_s <= 0:
                break
            self._connection.wait(lambda: offered.cancelled, left_s)
        for reading in offered.readings:
            self._watchers.meet(reading.readers)

    def _press(self, offered: Offered, window: Window | None) -> Paste:
        needed = 2 if window and is_chromium(window.app) else 1
        key, before = Key(self._backlog, self._watchers), len(offered.readings)
        paste = Paste(offered, window, key, needed, before)
        offered.judge = paste.key.is_answered_by
        offered.on_change = lambda: self._changed(paste)
        self._paste = paste
        same_focus = self._toplevels.same_focus()
        self._keyboard.press_paste()
        with contextlib.suppress(WireError):  # even so, the key may be on its way
            self._connection.barrier(IN_TEXT_S)
            if not same_focus():
                self._strayed(paste)
            self._connection.barrier(IN_TEXT_S)  # the compositor serves its clients in turn
            paste.key.passed_on()
            self._connection.wait(paste.proof.done, TAKES_S)
        self._connection.after(GIVES_UP_S, lambda: self._give_up(paste))
        return paste

    def _strayed(self, paste: Paste) -> None:
        """Withdraw: the key may have gone to another window. Nobody has asked for the text yet.

        The compositor handles key and barrier together, so we know before a window can ask.
        """
        paste.window = self._toplevels.focused
        paste.is_stray = True
        paste.take_back()

    def _give_up(self, paste: Paste) -> None:
        self._take_back(paste)
        if not paste.proof.done():  # it is being read
            self._connection.after(GIVES_UP_S, lambda: self._give_up(paste))

    @staticmethod
    def _take_back(paste: Paste) -> None:
        if not paste.is_being_read and not paste.proof.done():
            paste.take_back()

    def _changed(self, paste: Paste) -> None:
        if paste is not self._paste:
            return
        if paste.is_taken:
            self._end(paste, has_arrived=True)
        elif paste.offered.cancelled and not paste.is_being_read:
            paste.decide(has_arrived=False)
        elif paste.has_read_nothing:
            self._end(paste, has_arrived=False, delay_s=AFTER_EMPTY_S)

    def _end(self, paste: Paste, *, has_arrived: bool, delay_s: float = RESTORE_S) -> None:
        self._paste = None
        paste.decide(has_arrived=has_arrived)
        self._clipboard.give_back_later(delay_s)
