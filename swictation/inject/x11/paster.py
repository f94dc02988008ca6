"""Pastes a text and knows whether the focused program took it."""

import time

import msgspec

from swictation.inject.x11.barrier import Barrier
from swictation.inject.x11.clipboard import Clipboard
from swictation.inject.x11.connection import Connection, Property
from swictation.inject.x11.focus import Focus
from swictation.inject.x11.habits import Habits
from swictation.inject.x11.keys.keyboard import WHY_NOT, Keyboard
from swictation.inject.x11.marks import Marks
from swictation.inject.x11.pressed_paste import PasteKey, State
from swictation.inject.x11.progress import Halted, Progress, Refused
from swictation.inject.x11.selection import HINT, Content, Selection

NOT_TAKEN = "the window has not taken the text yet"
_TAKING = "the window stopped while it took the text"
_LOOKED = "the window looked at the text and may not have taken it"

_FETCH_S = 2.5
"""A window that hangs for a second still gets its text before it is reported."""
_QUIET_S = 0.1
"""Chromium asks about 17 times for one paste; the next text waits until it has finished."""
_GIVE_BACK_S = 0.5
_GIVE_BACK_LATEST_S = 3.0
_LATE_S = 5.0
_POLL_S = 0.02
_UNASKED_S = 0.15
"""Programs that read each new clipboard have done so by then; measured in docs/injection.md."""

_RESERVE_TRIES = 4

_PLAIN = ("text/plain;charset=utf-8", "text/plain")


class _Loan(msgspec.Struct):
    """The clipboard, which has to be restored."""

    old: Content
    reader: int
    """The client that the text is for."""
    due_s: float
    latest_s: float


class Paster:
    """Owns the clipboard, presses the shortcut, and waits for the focused client to fetch.

    At most one of its keys is unread anywhere. While one is, the clipboard holds that key's text
    and nothing else: no other text, and not the old content. But if somebody else copies, that
    key gets the user's clipboard, and other windows get their texts.
    """

    def __init__(self, connection: Connection, keyboard: Keyboard, barrier: Barrier) -> None:
        self._x = connection
        self._keyboard = keyboard
        self._barrier = barrier
        self._selection = Selection(connection)
        self._clipboard = Clipboard(connection)
        self._marks = Marks(connection, barrier)
        self._users: Content = {}
        """What the user had copied before a text was offered."""
        self._loan: _Loan | None = None
        self._key: PasteKey | None = None
        self._copied: list[PasteKey] = []
        """Keys whose text was replaced by somebody else's copy; their windows get nothing."""
        self._passed = 0
        """Clients that ignored the last key, as pongs prove; some handle it later even so."""
        self._habits = Habits(connection, barrier)

    def paste(self, text: str, focus: Focus, progress: Progress) -> None:
        """Paste `text`; returns once the focused client has fetched it.

        Raises `Refused` if it has certainly not arrived (`try_other` if keys may work), `Halted`
        with a proof if it may still arrive, without one if nobody will ever know.
        """
        if self._key or any(key.is_of(focus) for key in self._copied):
            raise Refused("another window may still read the clipboard", try_other=True)
        if self._marks.is_left(focus):
            raise Refused("a paste key from before may still wait in the window", try_other=True)
        payload = self._payload(text)
        self._keyboard.wait_for_release()
        self._keyboard.refresh()
        old = self._borrow()
        if not self._selection.take(payload, focus.client, focus.pid):
            raise Refused("the clipboard cannot be owned", try_other=True)
        due_s = time.monotonic() + _GIVE_BACK_S
        self._loan = _Loan(old, focus.client, due_s, due_s + _GIVE_BACK_LATEST_S)
        try:
            self._before_key(focus)
            for is_letter in self._shortcuts(focus):
                if self._press(focus, progress, len(text), is_letter=is_letter):
                    return
            raise Refused("the window did not ask for the clipboard", try_other=True)
        except Refused:
            self.give_back()
            raise

    def offer(self, text: str) -> bool:
        """Own the clipboard with `text` until somebody else copies; False if that fails."""
        self._tend_key()
        if self._key or self._copied:
            return False
        try:
            payload = self._payload(text)
        except Refused:
            return False
        if self._loan:
            self._let_read(self._loan.reader)
            self._note_users(self._loan.old)
            self._loan = None
        elif self._selection.offer is None:
            self._note_users(self._clipboard.read(self._selection.atom) or {})
        return self._selection.take(payload)

    @property
    def is_bound(self) -> bool:
        """Whether a key is unread somewhere, so that nothing else can be pasted."""
        return self._key is not None

    def why_not(self, focus: Focus) -> str:
        """Why nothing may be sent to `focus` now, or "".

        Once somebody else has copied, a key of ours pastes that. Then only pasting is blocked, if
        a window can confirm that it has handled what is typed.
        """
        self._tend_key()
        for key in [*self._copied, self._key]:
            if key is None or not key.is_of(focus):
                continue
            if not key.survived(focus):
                self._forget(key)
            elif key is self._key or not focus.answers_ping:
                return key.reason
        return ""

    def withdraw(self) -> None:
        """Take the unproven text back, unless it was fetched just now."""
        self._tend_key()
        if self._key:
            self._key.withdraw()

    @property
    def due_s(self) -> float | None:
        """When `tend` wants to be called, by the monotonic clock."""
        dues_s = [key.due_s for key in self._copied]
        if self._key:
            dues_s.append(self._key.due_s)
        elif self._loan:
            dues_s.append(self._loan.due_s)
        return min((due_s for due_s in dues_s if due_s is not None), default=None)

    def tend(self) -> None:
        """Restore the clipboard when it is due and nobody is still reading."""
        self._tend_key()
        loan, now_s = self._loan, time.monotonic()
        if self._key or loan is None or now_s < loan.due_s:
            return
        offer = self._selection.offer
        last_s = offer.asked_s.get(loan.reader, 0.0) if offer else 0.0
        if now_s < min(last_s + _GIVE_BACK_S, loan.latest_s):
            loan.due_s = min(last_s + _GIVE_BACK_S, loan.latest_s)
            return
        self.give_back()

    def give_back(self) -> None:
        """Serve the old content again, unless somebody has copied something meanwhile."""
        if self._key:
            return
        loan, self._loan = self._loan, None
        if loan is None or self._selection.offer is None:
            return
        if not loan.old or not self._selection.take(loan.old):
            self._selection.drop()
        elif self._passed:
            self._selection.bar(self._passed, _LATE_S)

    def close(self) -> Content:
        """Settle; returns what the user had copied, if this program still serves it.

        If a key is unread it returns nothing: restored content would go to that key. Marks of
        unread keys stay, for the next daemon.
        """
        self._tend_key()
        for copied in self._copied:
            copied.close()
        self._copied.clear()
        if self._key:
            self._key.close()
            self._key = None
            return {}
        self.give_back()
        offer, hint = self._selection.offer, self._x.atom(HINT)
        if offer is None:
            return {}
        return self._users if hint in offer.content else offer.content

    def _note_users(self, content: Content) -> None:
        """Remember what to restore after an offered text and at our end; never our own text."""
        if self._x.atom(HINT) not in content:
            self._users = content

    def abandon(self) -> None:
        """The display is gone: nothing is on offer any more."""
        if self._key:
            self._key.give_up()

    def _tend_key(self) -> None:
        for copied in list(self._copied):
            if copied.state() == "spent":
                self._forget(copied)
        key = self._key
        if key is None:
            return
        state = self._judge(key)
        if state != "unread":
            self._passed = key.focus.client if state == "spent" else 0
            self._forget(key)
        elif key.was_copied and not key.has_read:
            self._key = None
            self._copied.append(key)

    def _judge(self, key: PasteKey) -> State:
        """Its state, once its client has finished with what it fetched; "unread" until then."""
        state = key.state()
        if state == "fetched":
            is_proven = self._finish(key)
            if is_proven is None:
                key.pause()
                return "unread"
            key.decide(True if is_proven else None)
        return state

    def _forget(self, key: PasteKey) -> None:
        """Drop a spent key, and restore the clipboard if it was not used."""
        key.close()
        self._marks.remove(key.focus)
        if key in self._copied:
            self._copied.remove(key)
            return
        self._key = None
        if key.proof.result() is False:
            self.give_back()

    def _payload(self, text: str) -> Content:
        raw = text.encode()
        utf8 = self._x.atom("UTF8_STRING")
        value = Property(utf8, 8, raw)
        if not value.fits:
            raise Refused("the text is too long for the clipboard", try_other=True)
        hint = self._x.atom(HINT)
        plain = {self._x.atom(name): Property(self._x.atom(name), 8, raw) for name in _PLAIN}
        return {
            utf8: value,
            **plain,
            self._x.atom("TEXT"): value,
            hint: Property(hint, 8, b"secret"),  # clipboard histories leave it out
        }

    def _shortcuts(self, focus: Focus) -> tuple[bool, ...]:
        """What to try in turn: Control+V (True) and Shift+Insert, once the first is proven spent.

        Chromium needs a v in the active layout for Control+V. In Tk, Shift+Insert means PRIMARY,
        but Tk answers no ping.
        """
        has_letter = self._keyboard.keymap.native("v", self._keyboard.group()) is not None
        return (True,) if has_letter or not focus.answers_ping else (False, True)

    def _letter(self, focus: Focus) -> int:
        """The key of v, on a spare keycode if the layout has none."""
        native = self._keyboard.keymap.native("v", self._keyboard.group())
        if native is not None and native.level == 0:
            return native.keycode
        for _ in range(_RESERVE_TRIES):
            if keycode := self._keyboard.spares.reserved("v"):
                return keycode
            self._settle(focus)
            try:  # only now: a plan that is not carried out would be taken for the keymap
                changes = self._keyboard.spares.reserve("v")
            except ValueError:
                break
            self._keyboard.remap(changes)
            self._barrier.cross_window_manager()
            self._settle(focus)
            self._keyboard.refresh()  # another client may want the same keycode
        raise Refused("the keyboard has no spare key for v", try_other=True)

    def _settle(self, focus: Focus) -> None:
        if not focus.answers_ping:
            self._x.pump(lambda: False, _UNASKED_S)
        elif self._barrier.cross(focus) != "crossed":
            raise Refused("the window does not answer")

    def _borrow(self) -> Content:
        """The content to restore later; waits for the readers of the previous text."""
        loan = self._loan
        if loan and self._selection.offer:
            self._let_read(loan.reader)
            return loan.old
        self._loan = None
        if self._selection.offer:
            return self._selection.offer.content
        old = self._clipboard.read(self._selection.atom)
        if old is None:
            raise Refused("the clipboard's content cannot be kept", try_other=True)
        return old

    def _let_read(self, reader: int) -> None:
        """Wait until `reader` has stopped asking."""

        def quiet() -> bool:
            offer = self._selection.offer
            last_s = offer.asked_s.get(reader, 0.0) if offer else 0.0
            return time.monotonic() >= last_s + _QUIET_S

        self._x.pump(quiet, 3 * _QUIET_S, poll_s=_QUIET_S / 4)

    def _before_key(self, focus: Focus) -> None:
        """Let a program that reads every clipboard read first: its reading proves no paste."""
        self._settle(focus)
        offer = self._selection.offer
        if offer and focus.client in offer.asked_s:
            self._let_read(focus.client)
            self._settle(focus)
        if offer and focus.client in offer.reads:
            raise Refused("the window reads everything that is copied", try_other=True)

    def _press(self, focus: Focus, progress: Progress, characters: int, *, is_letter: bool) -> bool:
        """Press one shortcut; True once the text was fetched, False if the key is spent."""
        offer = self._selection.offer
        if offer is None:
            raise Refused("another program took the clipboard", try_other=True)
        offer.reads.clear()
        self._passed = 0
        self._press_keys(focus, progress, characters, is_letter=is_letter)
        self._key = key = PasteKey(
            self._barrier, self._selection, offer, focus, is_letter=is_letter
        )

        def decided() -> bool:
            return key.state() != "unread" or key.proof.done()

        self._x.pump(decided, _FETCH_S, poll_s=_POLL_S)
        state = self._judge(key)
        if state == "fetched":
            self._forget(key)
            if not key.proof.result():
                raise Halted(_LOOKED)
            progress.prove()
            return True
        if key.proof.done() or state == "spent":  # by a copy, the window's end, or a pong
            was_closed = self._barrier.is_gone(focus)
            was_copied = key.was_copied
            if state == "spent":
                self._passed = focus.client
                self._key = None
                key.close()
                self._marks.remove(focus)
            progress.withdraw()
            if was_closed or was_copied:
                by = "the window was closed" if was_closed else "another program copied meanwhile"
                raise Refused(by)
            return False
        raise Halted(_TAKING if key.has_read else NOT_TAKEN, key.proof)

    def _press_keys(
        self, focus: Focus, progress: Progress, characters: int, *, is_letter: bool
    ) -> None:
        keys = self._keyboard.paste_chord(self._letter(focus) if is_letter else None)
        if not keys:
            raise Refused("the keyboard lacks the keys to paste", try_other=True)
        group = self._keyboard.group()

        def claim() -> None:
            progress.claim(characters)
            self._marks.put(focus)

        answer = self._keyboard.press_soon([keys], focus, group, claim, caps_lock=True)
        if answer != "pressed":
            raise Refused(WHY_NOT[answer])

    def _finish(self, key: PasteKey) -> bool | None:
        """Wait for the reader of the text that was fetched; returns what `Habits.finish` does."""
        is_proven = self._habits.finish(key)
        if self._loan and is_proven is not None:
            wait_s = _GIVE_BACK_S if is_proven else _GIVE_BACK_LATEST_S
            self._loan.due_s = time.monotonic() + wait_s
            self._loan.latest_s = self._loan.due_s + _GIVE_BACK_LATEST_S
        return is_proven
