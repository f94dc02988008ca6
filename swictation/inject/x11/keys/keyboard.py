"""The server's keyboard: its keymap, its modifiers, and keys pressed through XTEST."""

import struct
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from typing import Literal

from Xlib import X
from Xlib.protocol import rq

from swictation.inject.x11.connection import Connection
from swictation.inject.x11.focus import FOCUS_RETURN_S, MOVED, Focus, holder
from swictation.inject.x11.keys.grabs import GRABBED, Grabs
from swictation.inject.x11.keys.keymap import CONTROL_L, INSERT, SHIFT_L, Key, Keymap
from swictation.inject.x11.keys.spares import Change, SpareKeycodes
from swictation.inject.x11.progress import Refused

HELD_TIMEOUT_S = 2.0
_RELOADS = 3
"""Readings in a row; a client that remaps faster is noticed after the keys."""
_POLL_S = 0.01
"""No event says that another window's client saw a modifier go up."""


Press = Literal["pressed", "moved", "grabbed", "held", "switched"]
"""The result for keys: pressed, or prevented by focus, grab, modifier or layout."""

WHY_NOT: dict[Press, str] = {
    "moved": MOVED,
    "grabbed": GRABBED,
    "held": "a modifier key is held",
    "switched": "the keyboard layout changed meanwhile",
}

_FAKE_INPUT = struct.Struct("=BBHBB30x")


class _Stroke(rq.Request):
    """A key event, built in advance: nobody else is served while it is sent."""

    def __init__(self, connection: Connection, binary: bytes) -> None:
        # Without super().__init__(), which would build it.
        self._errorhandler = None
        self._binary = binary
        self._serial = None
        connection.display.display.send_request(self, False)


class Keyboard:
    """Keeps `keymap` and `spares` in sync with the server."""

    def __init__(self, connection: Connection) -> None:
        self._x = connection
        self.spares = SpareKeycodes()
        self._grabs = Grabs(connection)
        self._changed = False
        self._opcode = int(connection.display.display.get_extension_major("XTEST"))
        connection.on_event(self._handle)
        self.keymap = self._load()

    def refresh(self) -> bool:
        """Read the keymap again if a client has changed it; True if so."""
        self._x.sync()
        changed = self._changed
        for _ in range(_RELOADS):
            if not self._changed:
                break
            self._changed = False
            self.keymap = self._load()
            self._x.dispatch()
        return changed

    def group(self) -> int:
        """The active layout: 0 is the first."""
        return _group(self._mask())

    def caps_lock(self) -> bool:
        return bool(self._mask() & X.LockMask)

    def held(self) -> bool:
        """True while a modifier is down that would turn the text into shortcuts."""
        return bool(self._mask() & self.keymap.held_mask)

    def wait_for_release(self) -> None:
        """Wait until the hotkey's own modifiers are up. Raises `Refused` if they stay down."""
        self._grabs.forget()
        if not self._x.pump(lambda: not self.held(), HELD_TIMEOUT_S, poll_s=_POLL_S):
            raise Refused("a modifier key is held")

    def remap(self, changes: Sequence[Change]) -> None:
        """Carry out a plan of `SpareKeycodes`, one request for each contiguous run."""
        for change in changes:
            rows = [list(row) for row in change.rows]
            self._x.display.change_keyboard_mapping(change.first_keycode, rows)
        self._x.sync()
        self.refresh()

    def chords_of(self, keys: Iterable[Key]) -> list[list[int]]:
        """For each key the keycodes to hold down, the modifiers of its level first."""
        return [[*self.keymap.modifiers_of(key), key.keycode] for key in keys]

    def paste_chord(self, letter: int | None) -> list[int]:
        """Control with the keycode of a letter, or Shift+Insert; [] if the keyboard lacks one."""
        held = self.keymap.keycode_of(CONTROL_L if letter else SHIFT_L)
        key = letter or self.keymap.keycode_of(INSERT)
        return [held, key] if held and key else []

    def press_soon(
        self,
        chords: Sequence[Sequence[int]],
        focus: Focus,
        group: int,
        claim: Callable[[], None],
        *,
        caps_lock: bool = False,
    ) -> Press:
        """`press`, once the focus, a grab and modifiers allow it; waits a while for each."""
        press = partial(self.press, chords, focus, group, claim, caps_lock=caps_lock)
        answers: list[Press] = []

        def pressed(*, has_lasted: bool = False) -> bool:
            answers.append(press())
            if answers[-1] == "grabbed" and self._grabs.are_own(focus, has_lasted=has_lasted):
                answers.append(press())
            return answers[-1] not in {"moved", "grabbed"}

        self._x.pump(pressed, FOCUS_RETURN_S, poll_s=_POLL_S)
        if answers[-1] == "held":
            with suppress(Refused):  # they stay down: the next press says so again
                self.wait_for_release()
            self._x.pump(pressed, FOCUS_RETURN_S, poll_s=_POLL_S)
        if answers[-1] == "grabbed":
            pressed(has_lasted=True)
        return answers[-1]

    def press(
        self,
        chords: Sequence[Sequence[int]],
        focus: Focus,
        group: int,
        claim: Callable[[], None],
        *,
        caps_lock: bool = False,
    ) -> Press:
        """Press and release each chord if `focus` has the keyboard; `claim` is called before.

        The server serves nobody else between the query and the keys, so all of them go to the
        window that had the focus.
        """
        strokes = [stroke for chord in chords for stroke in self._strokes(chord)]
        bad = self.keymap.held_mask | (0 if caps_lock else X.LockMask)

        def press(window: int) -> Press:
            with self._x.grabbed():
                focused, mask = self._x.focus_and_mask()
                if focused != window:
                    return "moved"
                if self._grabs.forbid(focus):
                    return "grabbed"
                if mask & bad:
                    return "held"
                if _group(mask) != group:
                    return "switched"
                claim()
                for stroke in strokes:
                    _Stroke(self._x, stroke)
            return "pressed"

        answer = press(focus.window)
        if answer == "moved":  # to another of its own windows, perhaps
            window = holder(self._x, focus)
            answer = press(window) if window is not None else answer
        self._x.dispatch()
        return answer

    def give_back(self) -> None:
        """Leave the spare keycodes empty."""
        self.refresh()
        self.remap(self.spares.vacate())

    def _strokes(self, chord: Sequence[int]) -> list[bytes]:
        downs = [(X.KeyPress, keycode) for keycode in chord]
        ups = [(X.KeyRelease, keycode) for keycode in reversed(chord)]
        return [_FAKE_INPUT.pack(self._opcode, 2, 9, kind, code) for kind, code in downs + ups]

    def _mask(self) -> int:
        return int(self._x.root.query_pointer().mask)

    def _load(self) -> Keymap:
        info = self._x.display.display.info
        first, last = int(info.min_keycode), int(info.max_keycode)
        rows = self._x.display.get_keyboard_mapping(first, last - first + 1)
        modifiers = self._x.display.get_modifier_mapping()
        keymap = Keymap(first, [list(row) for row in rows], modifiers, self.spares.lent)
        self.spares.adopt(keymap.spare)
        return keymap

    def _handle(self, event: rq.Event) -> None:
        if event.type == X.MappingNotify:
            self._changed = True


def _group(mask: int) -> int:
    return (mask >> 13) & 3
