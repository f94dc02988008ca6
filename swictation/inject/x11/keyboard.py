"""The server's keyboard: its keymap, its modifiers, and keys that are pressed through XTEST."""

from collections.abc import Iterable, Sequence

from Xlib import X
from Xlib.ext import xtest
from Xlib.protocol import rq

from swictation.inject.x11.connection import Connection
from swictation.inject.x11.keymap import CONTROL_L, INSERT, SHIFT_L, Key, Keymap
from swictation.inject.x11.ledger import Refused
from swictation.inject.x11.spares import Change, Spares

HELD_TIMEOUT_S = 2.0
_RELOADS = 3
"""In a row; a client that remaps faster than this is caught after the keys."""
_POLL_S = 0.01
"""No event tells that another window's client saw a modifier go up."""


class Keyboard:
    """Keeps `keymap` and `spares` in step with the server."""

    def __init__(self, connection: Connection) -> None:
        self._x = connection
        self.spares = Spares()
        self._changed = False
        connection.on_event(self._handle)
        self.keymap = self._load()

    def refresh(self) -> bool:
        """Read the keymap again if anybody has changed it; True if so."""
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
        return (self._mask() >> 13) & 3

    def caps_lock(self) -> bool:
        return bool(self._mask() & X.LockMask)

    def held(self) -> bool:
        """True while a modifier is down that would make shortcuts of the text."""
        return bool(self._mask() & self.keymap.held_mask)

    def wait_for_release(self) -> None:
        """Wait for the hotkey's own modifiers. Raises `Refused` if they stay down."""
        if not self._x.pump(lambda: not self.held(), HELD_TIMEOUT_S, poll_s=_POLL_S):
            raise Refused("a modifier key is held")

    def remap(self, changes: Sequence[Change]) -> None:
        """Carry out a plan of `Spares`, one request for each contiguous run."""
        for change in changes:
            rows = [list(row) for row in change.rows]
            self._x.display.change_keyboard_mapping(change.first_keycode, rows)
        self._x.sync()
        self.refresh()

    def type_keys(self, keys: Iterable[Key]) -> None:
        """Press and release each, with the modifiers of its level. Sends at once."""
        for key in keys:
            self._chord([*self.keymap.modifiers_of(key), key.keycode])
        self._x.dispatch()

    def paste_chord(self, *, control: bool, shift: bool, keycode: int | None) -> bool:
        """Press Control, Shift and a key (None: Insert); False if the keyboard lacks one."""
        held = [self.keymap.keycode_of(CONTROL_L)] if control else []
        held += [self.keymap.keycode_of(SHIFT_L)] if shift else []
        chord = [*held, keycode or self.keymap.keycode_of(INSERT)]
        if None in chord:
            return False
        self._chord([code for code in chord if code is not None])
        self._x.dispatch()
        return True

    def give_back(self) -> None:
        """Leave the spare keycodes empty."""
        self.refresh()
        self.remap(self.spares.vacate())

    def _chord(self, keycodes: Sequence[int]) -> None:
        for keycode in keycodes:
            xtest.fake_input(self._x.display, X.KeyPress, keycode)
        for keycode in reversed(keycodes):
            xtest.fake_input(self._x.display, X.KeyRelease, keycode)

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
