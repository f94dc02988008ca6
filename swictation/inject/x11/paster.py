"""Pastes a text and knows whether the focused program took it."""

import time

import msgspec
from Xlib import Xatom

from swictation.inject.x11.barrier import Barrier
from swictation.inject.x11.clipboard import Clipboard
from swictation.inject.x11.connection import Connection, Property
from swictation.inject.x11.focus import FOCUS_RETURN_S, MOVED, Focus, has_focus
from swictation.inject.x11.keyboard import Keyboard
from swictation.inject.x11.ledger import Halted, Ledger, Refused
from swictation.inject.x11.selection import Content, Selections

_FETCH_S = 2.5
"""A window that hangs for a second still gets its text."""
_NEXT_CHORD_S = 0.5
_READ_S = 0.05
_LEARN_S = 0.15
_AGAIN_S = 1.0
_MAX_HABITS = 64
_QUIET_S = 0.1
"""Chromium asks about 17 times for one paste; the next text waits until it is through."""
_GIVE_BACK_S = 0.5
_GIVE_BACK_LATEST_S = 3.0
_GIVE_BACK_SILENT_S = 10.0
"""A window that has the key but never asked may still ask when it thaws: for our text, then."""

_RESERVE_TRIES = 4

_PLAIN = ("text/plain;charset=utf-8", "text/plain")


class Chord(msgspec.Struct, frozen=True):
    """A paste shortcut; without `letter` it is the Insert key."""

    control: bool
    shift: bool
    letter: bool


def chords(focus: Focus, *, has_letter: bool) -> tuple[Chord, ...]:
    """The shortcuts to try in turn on `focus`.

    `has_letter` says whether the active layout has a v: Chromium knows no Control+V without one.
    The second is tried only when the window has proven that it let the first pass; to Tk
    Shift+Insert means PRIMARY, but it answers no ping and never gets there.
    """
    if focus.pastes_primary:
        return (Chord(control=False, shift=True, letter=False),)
    if focus.is_terminal:
        return (Chord(control=True, shift=True, letter=True),)
    control_v = Chord(control=True, shift=False, letter=True)
    if has_letter or not focus.answers_ping:
        return (control_v,)
    return (Chord(control=False, shift=True, letter=False), control_v)


class _Loan(msgspec.Struct):
    """A selection that is to be given back."""

    selection: int
    old: Content
    reader: int
    """The client that the text is for."""
    due_s: float
    latest_s: float


class Paster:
    """Owns the selection, presses the shortcut, and waits for the focused client to fetch."""

    def __init__(
        self,
        connection: Connection,
        keyboard: Keyboard,
        barrier: Barrier,
        selections: Selections,
        clipboard: Clipboard,
    ) -> None:
        self._x = connection
        self._keyboard = keyboard
        self._barrier = barrier
        self._selections = selections
        self._clipboard = clipboard
        self._loan: _Loan | None = None
        self._reads: dict[tuple[int, tuple[str, ...]], int] = {}
        """How often a client was seen to read one paste."""

    def paste(self, text: str, focus: Focus, ledger: Ledger) -> None:
        """Paste `text`; returns once the focused client has fetched it.

        Raises `Refused` while it has surely not arrived (`try_other` where keys may do),
        `Halted` after.
        """
        payload = self._payload(text)
        self._keyboard.wait_for_release()
        self._keyboard.refresh()
        selection = Xatom.PRIMARY if focus.pastes_primary else self._x.atom("CLIPBOARD")
        has_letter = self._keyboard.keymap.native("v", self._keyboard.group()) is not None
        shortcuts = chords(focus, has_letter=has_letter)
        old = self._borrow(selection)
        if not self._selections.take(selection, payload):
            raise Refused("the clipboard cannot be owned", try_other=True)
        due_s = time.monotonic() + _GIVE_BACK_S
        self._loan = _Loan(selection, old, focus.client, due_s, due_s + _GIVE_BACK_LATEST_S)
        try:
            self._before_key(focus)
            for number, chord in enumerate(shortcuts):
                last = number == len(shortcuts) - 1
                keycode = self._letter(focus) if chord.letter else None
                if self._press(chord, keycode, focus, ledger, len(text), last=last):
                    self._finish(selection, focus, ledger)
                    return
            raise Refused("the window did not ask for the clipboard", try_other=True)
        except Refused:
            self.give_back()
            raise

    def offer(self, text: str) -> bool:
        """Own the clipboard with `text` until somebody else copies; False if that cannot be."""
        selection = self._x.atom("CLIPBOARD")
        try:
            payload = self._payload(text)
        except Refused:
            return False
        if self._loan and self._loan.selection == selection:
            self._let_read(self._loan)
            self._loan = None
        return self._selections.take(selection, payload)

    @property
    def due_s(self) -> float | None:
        """When `tend` wants to be called, by the monotonic clock."""
        return self._loan.due_s if self._loan else None

    def tend(self) -> None:
        """Give the selection back once its time has come and nobody is still reading."""
        loan, now_s = self._loan, time.monotonic()
        if loan is None or now_s < loan.due_s:
            return
        last_s = self._selections.served(loan.selection).asked_s.get(loan.reader, 0.0)
        if now_s < min(last_s + _GIVE_BACK_S, loan.latest_s):
            loan.due_s = min(last_s + _GIVE_BACK_S, loan.latest_s)
            return
        self.give_back()

    def give_back(self) -> None:
        """Serve what was there before, unless somebody has copied something meanwhile."""
        loan, self._loan = self._loan, None
        if loan is None or not self._selections.owns(loan.selection):
            return
        if not loan.old or not self._selections.take(loan.selection, loan.old):
            self._selections.drop(loan.selection)

    def _payload(self, text: str) -> Content:
        raw = text.encode()
        utf8 = self._x.atom("UTF8_STRING")
        value = Property(utf8, 8, raw)
        if not value.fits:
            raise Refused("the text is too long for the clipboard", try_other=True)
        hint = self._x.atom("x-kde-passwordManagerHint")
        plain = {self._x.atom(name): Property(self._x.atom(name), 8, raw) for name in _PLAIN}
        return {
            utf8: value,
            **plain,
            self._x.atom("TEXT"): value,
            hint: Property(hint, 8, b"secret"),  # clipboard histories leave it out
        }

    def _letter(self, focus: Focus) -> int:
        """The key of v, on a spare keycode where the layout has none."""
        native = self._keyboard.keymap.native("v", self._keyboard.group())
        if native is not None and native.level == 0:
            return native.keycode
        for _ in range(_RESERVE_TRIES):
            try:
                keycode, changes = self._keyboard.spares.reserve("v")
            except ValueError:
                break
            if not changes:
                return keycode
            self._settle(focus)
            self._keyboard.remap(changes)
            self._barrier.cross_window_manager()
            self._settle(focus)
            self._keyboard.refresh()  # another client may want the same keycode
        raise Refused("the keyboard has no spare key for v", try_other=True)

    def _settle(self, focus: Focus) -> None:
        if not focus.answers_ping:
            self._x.pump(lambda: False, 0.15)
        elif self._barrier.cross(focus) != "crossed":
            raise Refused("the window does not answer")

    def _borrow(self, selection: int) -> Content:
        """What is to be given back later; waits for the readers of the text before."""
        loan = self._loan
        if loan and loan.selection == selection and self._selections.owns(selection):
            self._let_read(loan)
            return loan.old
        self.give_back()
        if self._selections.owns(selection):
            return self._selections.content(selection)
        old = self._clipboard.read(selection)
        if old is None:
            raise Refused("the clipboard holds what cannot be kept", try_other=True)
        return old

    def _let_read(self, loan: _Loan) -> None:
        """Wait until the reader of the text before has done asking."""
        asked_s = self._selections.served(loan.selection).asked_s

        def quiet() -> bool:
            return time.monotonic() >= asked_s.get(loan.reader, 0.0) + _QUIET_S

        self._x.pump(quiet, 3 * _QUIET_S, poll_s=_QUIET_S / 4)

    def _before_key(self, focus: Focus) -> None:
        """Let those who fetch every new clipboard do so first: that proves no paste."""
        if focus.answers_ping and self._barrier.cross(focus) != "crossed":
            raise Refused("the window does not answer")
        if not self._x.pump(lambda: has_focus(self._x, focus), FOCUS_RETURN_S, poll_s=0.01):
            raise Refused(MOVED)
        if self._keyboard.held():
            self._keyboard.wait_for_release()

    def _press(
        self,
        chord: Chord,
        keycode: int | None,
        focus: Focus,
        ledger: Ledger,
        characters: int,
        *,
        last: bool,
    ) -> bool:
        """Press one shortcut; True once the focused client has fetched the text."""
        loan = self._loan
        assert loan is not None
        served = self._selections.served(loan.selection)
        served.reads.clear()
        pressed_s = time.monotonic()
        ledger.claim(characters)
        if not self._keyboard.paste_chord(
            control=chord.control, shift=chord.shift, keycode=keycode
        ):
            ledger.withdraw()
            raise Refused("the keyboard lacks the keys to paste", try_other=True)

        def fetched() -> bool:
            return focus.client in served.reads

        if self._x.pump(fetched, _FETCH_S if last else _NEXT_CHORD_S):
            return True
        passed = focus.answers_ping and self._barrier.cross(focus) == "crossed"
        if served.asked_s.get(focus.client, 0.0) >= pressed_s:
            # It pastes and is slow: another shortcut now would paste the text twice.
            self._x.pump(fetched, _FETCH_S)
        if fetched():
            return True
        if not passed:
            loan.due_s = loan.latest_s = time.monotonic() + _GIVE_BACK_SILENT_S
            moved = not has_focus(self._x, focus)
            raise Halted(MOVED if moved else "the window did not fetch it")
        if served.reads:
            raise Halted("another program fetched it")
        ledger.withdraw()  # the window let the key pass, and nobody has the text
        return False

    def _finish(self, selection: int, focus: Focus, ledger: Ledger) -> None:
        """The text was fetched: see it read, as often as this client does for one paste.

        Chromium looks at the text once before it reads it for good, and drops the paste if the
        clipboard changed in between; it keeps asking for targets meanwhile.
        """
        served = self._selections.served(selection)
        first_s = time.monotonic()

        def read_again() -> bool:
            return served.reads.get(focus.client, 0) > 1

        who = (focus.client, focus.classes)
        habit = self._reads.get(who, 0)
        done = habit == 1 or self._x.pump(read_again, _AGAIN_S if habit else _LEARN_S)
        if not done and (habit or served.asked_s.get(focus.client, 0.0) > first_s):
            done = self._x.pump(read_again, _AGAIN_S)
        elif not done:
            done = True
        self._x.pump(lambda: not served.unread, _READ_S)
        if focus.answers_ping:
            self._barrier.cross(focus)
        if len(self._reads) >= _MAX_HABITS:
            self._reads.clear()
        self._reads[who] = served.reads.get(focus.client, 1)
        if done:
            ledger.prove()
        if self._loan:
            wait_s = _GIVE_BACK_S if done else _GIVE_BACK_LATEST_S
            self._loan.due_s = time.monotonic() + wait_s
            self._loan.latest_s = self._loan.due_s + _GIVE_BACK_LATEST_S
