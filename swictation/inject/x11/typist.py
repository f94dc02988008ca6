"""Types a text with real key events, in pieces whose arrival the target proves."""

from collections.abc import Mapping

from swictation.inject.x11.barrier import TIMEOUT_S, Barrier
from swictation.inject.x11.connection import Connection
from swictation.inject.x11.focus import FOCUS_RETURN_S, MOVED, Focus, has_focus
from swictation.inject.x11.keyboard import Keyboard
from swictation.inject.x11.keymap import Key, Keymap
from swictation.inject.x11.ledger import Halted, Ledger, Refused

PIECE = 64
"""Characters between two proofs."""

_REMAP_TRIES = 4
_SENT_TIMEOUT_S = 6.0
"""Longer than before the first key: what is left unproven has to be told to the user."""
_TIMED_REMAP_S = 0.15
_TIMED_PIECE_S = 0.01


class Typist:
    """Native keys where the active layout has them, spare keycodes for the rest.

    Clients read the keymap when they *handle* its change, not when it is made: a keycode that is
    remapped under an unread key becomes another letter. So nothing is remapped before the target
    has proven that it read every key, and nothing typed before it has seen the new map.
    """

    def __init__(self, connection: Connection, keyboard: Keyboard, barrier: Barrier) -> None:
        self._x = connection
        self._keyboard = keyboard
        self._barrier = barrier

    def newcomers(self, text: str) -> int:
        """How many characters would have to be mapped first."""
        self._keyboard.refresh()
        group = self._keyboard.group()
        keymap, there = self._keyboard.keymap, self._keyboard.spares.where()
        return sum(1 for c in set(text) if not keymap.native(c, group) and c not in there)

    def type(self, text: str, focus: Focus, ledger: Ledger) -> None:
        """Type all of `text`; `ledger` says how far it came.

        Raises `Refused` before anything is sent, `Halted` after.
        """
        self._ready()
        start = 0
        while start < len(text):
            self._keyboard.refresh()
            group = self._keyboard.group()
            end = _reach(text, start, self._keyboard.keymap, group, self._keyboard.spares.capacity)
            if end == start:
                self._stop(ledger, "the keyboard has no spare key for this text")
            self._map(text[start:end], group, focus, ledger)
            keys = self._keyboard.spares.where()
            for at in range(start, end, PIECE):
                self._send(text[at : min(at + PIECE, end)], keys, group, focus, ledger)
            start = end

    def _ready(self) -> None:
        self._keyboard.wait_for_release()
        if self._keyboard.caps_lock():
            raise Refused("CapsLock is on", try_other=True)

    def _map(self, text: str, group: int, focus: Focus, ledger: Ledger) -> None:
        """Put what the layout lacks on spare keycodes, and see that all have noticed."""
        foreign = [c for c in text if not self._keyboard.keymap.native(c, group)]
        for _ in range(_REMAP_TRIES):
            if len(set(foreign)) > self._keyboard.spares.capacity:
                break
            changes = self._keyboard.spares.place(foreign)
            if not changes:
                return
            self._prove(focus, ledger, _TIMED_REMAP_S)
            self._keyboard.remap(changes)
            self._barrier.cross_window_manager()
            self._prove(focus, ledger, _TIMED_REMAP_S)
            self._keyboard.refresh()  # another client may want the same keycodes
        else:
            if self._keyboard.spares.where().keys() >= set(foreign):
                return
        self._stop(ledger, "another program takes the spare keys")

    def _send(
        self, text: str, spare: Mapping[str, Key], group: int, focus: Focus, ledger: Ledger
    ) -> None:
        before = self._keyboard.keymap
        found = [before.native(c, group) or spare.get(c) for c in text]
        keys = [key for key in found if key is not None]
        if len(keys) < len(text) or self._keyboard.group() != group:
            self._stop(ledger, "the keyboard layout changed meanwhile")
        if not self._x.pump(lambda: has_focus(self._x, focus), FOCUS_RETURN_S, poll_s=0.01):
            self._stop(ledger, MOVED)
        if self._keyboard.held():
            self._keyboard_busy(ledger)
        ledger.claim(len(text))
        self._keyboard.type_keys(keys)
        if not has_focus(self._x, focus):
            raise Halted(MOVED)
        self._cross(focus, _TIMED_PIECE_S, _SENT_TIMEOUT_S)
        if self._keyboard.refresh() and not before.agrees(self._keyboard.keymap, keys):
            raise Halted("the keyboard layout changed meanwhile")
        if self._keyboard.held():
            raise Halted("a modifier key was pressed while typing")
        if focus.answers_ping:
            ledger.prove()

    def _keyboard_busy(self, ledger: Ledger) -> None:
        try:
            self._keyboard.wait_for_release()
        except Refused as refused:
            self._stop(ledger, refused.reason)

    def _prove(self, focus: Focus, ledger: Ledger, blind_s: float) -> None:
        """As `_cross`, where a failure before the first key is a refusal."""
        try:
            self._cross(focus, blind_s)
        except Halted as halted:
            self._stop(ledger, halted.reason)

    def _cross(self, focus: Focus, blind_s: float, timeout_s: float = TIMEOUT_S) -> None:
        """Wait until the target has handled all that was sent; `blind_s` where it cannot say."""
        if not focus.answers_ping:
            self._x.sync()
            self._x.pump(lambda: False, blind_s)
            return
        crossing = self._barrier.cross(focus, timeout_s)
        if crossing == "gone":
            raise Halted("the window was closed")
        if crossing == "silent":
            raise Halted("the window does not answer")

    def _stop(self, ledger: Ledger, reason: str) -> None:
        """End here: a refusal if nothing was sent yet."""
        sent, _ = ledger.read()
        raise Halted(reason) if sent else Refused(reason)


def _reach(text: str, start: int, keymap: Keymap, group: int, capacity: int) -> int:
    """The end of the longest piece whose foreign characters can be mapped at once."""
    foreign: set[str] = set()
    for at in range(start, len(text)):
        if keymap.native(text[at], group):
            continue
        foreign.add(text[at])
        if len(foreign) > capacity:
            return at
    return len(text)
