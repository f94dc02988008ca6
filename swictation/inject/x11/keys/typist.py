"""Types a text with real key events, in pieces whose arrival the target proves."""

from collections.abc import Callable
from functools import partial

import msgspec

from swictation.inject.unsafe_characters import words
from swictation.inject.x11.barrier import Barrier
from swictation.inject.x11.connection import Connection
from swictation.inject.x11.focus import Focus
from swictation.inject.x11.keys.keyboard import WHY_NOT, Keyboard, Press
from swictation.inject.x11.keys.keymap import Key
from swictation.inject.x11.keys.unread import UnreadKeys
from swictation.inject.x11.programs import process_of, times_slept
from swictation.inject.x11.progress import Halted, Progress, Refused

PIECE = 64
"""Characters between two proofs."""

_REMAP_TRIES = 4
_TIMED_REMAP_S = 0.15
_TIMED_PIECE_S = 0.01
_RELEASE_S = 1.0
_SILENT = "the window does not answer"
_CLOSED = "the window was closed"


class _Blind(msgspec.Struct):
    """A program that was typed to and cannot confirm that it has handled the keys."""

    focus: Focus
    slept: int = 0
    """How often it had gone to sleep when it was last sent a message."""
    left: int = 2
    """How often it still has to go to sleep."""


class Typist:
    """Uses native keys if the active layout has them, spare keycodes for the rest.

    Clients read the keymap when they *handle* its change, not when it is made: a keycode that is
    remapped under an unread key becomes another letter. So nothing is remapped before the target
    has proven that it read every key, and nothing typed before it has seen the new map. If it
    cannot prove that, keycodes that were typed stay as they are.
    """

    def __init__(
        self, connection: Connection, keyboard: Keyboard, barrier: Barrier, unread: UnreadKeys
    ) -> None:
        self._x = connection
        self._keyboard = keyboard
        self._barrier = barrier
        self._unread = unread
        self._blind: dict[int, _Blind] = {}
        """Programs that answer no pings and were sent foreign characters."""

    def newcomers(self, text: str) -> int:
        """How many characters would have to be mapped first."""
        self._keyboard.refresh()
        group = self._keyboard.group()
        return len(set(self._foreign(text, group)) - self._keyboard.spares.where().keys())

    def type(self, text: str, focus: Focus, progress: Progress) -> None:
        """Type all of `text`; `progress` counts.

        Raises `Refused` before anything is sent, `Halted` after; with a proof if the rest may
        still be handled.
        """
        self._keyboard.wait_for_release()
        if self._keyboard.caps_lock():
            raise Refused("CapsLock is on", try_other=True)
        start = 0
        while start < len(text):
            self._release()
            self._keyboard.refresh()
            group = self._keyboard.group()
            end = reach(text, start, partial(self._is_native, group), self._keyboard.spares.fits)
            if end == start and self._wait_for_spares(text[start], group):
                continue
            if end == start:
                self._stop(progress, "the keyboard has no spare key for this text", try_other=True)
            self._map(text[start:end], group, focus, progress)
            for piece in pieces(text[start:end]):
                self._send(piece, group, focus, progress)
            start = end

    def close(self) -> None:
        """Empty the spare keycodes, except those that a window still has to look up."""
        for client in self._blind:
            self._keyboard.spares.unpin(client)
        self._blind.clear()
        self._keyboard.give_back()

    def _release(self) -> None:
        """Release the keycodes of programs that cannot confirm that they have handled their keys.

        Once they are gone. For a terminal, also once it has gone to sleep again after each of two
        messages: it does that when it has handled everything.
        """
        for client, blind in list(self._blind.items()):
            pid = blind.focus.pid
            is_gone = process_of(self._x, client) != pid
            is_asleep, slept = times_slept(pid)
            if blind.focus.is_terminal and is_asleep and slept > blind.slept:
                blind.left -= 1
                self._wake(blind)
            if is_gone or not blind.left:
                del self._blind[client]
                self._keyboard.spares.unpin(client)

    def _wait_for_spares(self, character: str, group: int) -> bool:
        """Whether a terminal has handled its keys, so that there is room for `character`."""
        if not self._blind:
            return False

        def has_room() -> bool:
            self._release()
            return self._keyboard.spares.fits(self._foreign(character, group))

        return self._x.pump(has_room, _RELEASE_S, poll_s=0.02)

    def _map(self, text: str, group: int, focus: Focus, progress: Progress) -> None:
        """Put what the layout lacks on spare keycodes, and wait until all have noticed."""
        foreign = self._foreign(text, group)
        for _ in range(_REMAP_TRIES):
            if not self._keyboard.spares.fits(foreign):
                break
            if self._keyboard.spares.where().keys() >= set(foreign):
                self._keyboard.spares.place(foreign)  # marks them as just used
                return
            self._prove(focus, progress, _TIMED_REMAP_S)
            # Only now: a plan that is not carried out would be mistaken for the keymap.
            self._keyboard.remap(self._keyboard.spares.place(foreign))
            self._barrier.cross_window_manager()
            self._prove(focus, progress, _TIMED_REMAP_S)
            self._keyboard.refresh()  # another client may want the same keycodes
        else:
            if self._keyboard.spares.where().keys() >= set(foreign):
                return
        self._stop(progress, "another program takes the spare keys")

    def _send(self, text: str, group: int, focus: Focus, progress: Progress) -> None:
        before = self._keyboard.keymap
        keys = self._keys(text, group)
        if len(keys) < len(text):
            self._stop(progress, WHY_NOT["switched"])
        foreign = "".join(self._foreign(text, group))
        try:
            answer = self._press_words(text, keys, focus, group, progress)
        finally:
            self._keep(focus, foreign)
        self._cross_sent(focus, progress, foreign)
        if answer != "pressed":
            self._stop(progress, WHY_NOT[answer])
        if self._keyboard.refresh() and not before.agrees(self._keyboard.keymap, keys):
            raise Halted(WHY_NOT["switched"])
        if self._keyboard.held():
            raise Halted("a modifier key was pressed while typing")

    def _press_words(
        self, text: str, keys: list[Key], focus: Focus, group: int, progress: Progress
    ) -> Press:
        at = 0
        for length in map(len, words(text)):
            chords = self._keyboard.chords_of(keys[at : at + length])
            claim = partial(progress.claim, length)
            answer = self._keyboard.press_soon(chords, focus, group, claim)
            if answer != "pressed":
                return answer
            at += length
        return "pressed"

    def _cross_sent(self, focus: Focus, progress: Progress, foreign: str) -> None:
        """Wait until the target has handled what was sent since the last proof."""
        sent, confirmed = progress.read()
        if sent == confirmed:
            return
        if not focus.answers_ping:
            self._wait_blindly(_TIMED_PIECE_S)
            return
        ping = self._barrier.ping(focus)
        crossing = self._barrier.wait(focus, ping)
        if crossing == "gone":
            progress.withdraw()  # with the window
            raise Halted(_CLOSED)
        if crossing == "silent":
            raise Halted(_SILENT, self._unread.add(focus, ping, foreign))
        progress.prove()

    def _prove(self, focus: Focus, progress: Progress, blind_s: float) -> None:
        """Wait until the target has handled a remapping; `blind_s` if it cannot confirm."""
        if not focus.answers_ping:
            self._wait_blindly(blind_s)
        elif (crossing := self._barrier.cross(focus)) != "crossed":
            self._stop(progress, _CLOSED if crossing == "gone" else _SILENT)

    def _wait_blindly(self, duration_s: float) -> None:
        self._x.sync()
        self._x.pump(lambda: False, duration_s)

    def _keep(self, focus: Focus, foreign: str) -> None:
        """Keep these keycodes as they are while `focus`, which cannot confirm, may look them up."""
        if foreign and not focus.answers_ping:
            self._keyboard.spares.pin(focus.client, foreign)
            self._blind[focus.client] = blind = _Blind(focus)
            self._wake(blind)

    def _wake(self, blind: _Blind) -> None:
        """Send it a message without meaning, and remember how often it had slept before."""
        blind.slept = times_slept(blind.focus.pid)[1]
        top = self._x.window(blind.focus.toplevel)
        self._x.message(top, "SWICTATION_NOTHING", [], to=top)
        self._x.dispatch()

    def _stop(self, progress: Progress, reason: str, *, try_other: bool = False) -> None:
        """End here: a refusal if nothing was sent yet."""
        sent, _ = progress.read()
        raise Halted(reason) if sent else Refused(reason, try_other=try_other)

    def _keys(self, text: str, group: int) -> list[Key]:
        spare = self._keyboard.spares.where()
        found = [self._keyboard.keymap.native(c, group) or spare.get(c) for c in text]
        return [key for key in found if key is not None]

    def _foreign(self, text: str, group: int) -> list[str]:
        """What the active layout lacks."""
        return [c for c in text if not self._is_native(group, c)]

    def _is_native(self, group: int, character: str) -> bool:
        return self._keyboard.keymap.native(character, group) is not None


def pieces(text: str) -> list[str]:
    """`text` in pieces of whole words, as long as `PIECE` or a little longer."""
    found = [""]
    for word in words(text):
        if len(found[-1]) + len(word) > PIECE and found[-1]:
            found.append("")
        found[-1] += word
    return [piece for piece in found if piece]


def reach(
    text: str,
    start: int,
    is_native: Callable[[str], bool],
    fits: Callable[[set[str]], bool],
) -> int:
    """Where the piece from `start` ends: before the word that does not fit, or inside it."""
    foreign: set[str] = set()
    at, boundary = start, start
    for word in words(text[start:]):
        for character in word:
            if not is_native(character):
                foreign.add(character)
                if not fits(foreign):
                    return boundary if boundary > start else at
            at += 1
        boundary = at
    return at
