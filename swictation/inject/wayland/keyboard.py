"""A virtual keyboard of our own, there for life: zwp_virtual_keyboard_v1.

Keymap and keys travel in one stream, so a client has always read the keymap that a key was meant
for. It is created when the daemon starts: on a seat without a keyboard clients listen for keys only
after one has come. What it typed is never confirmed: the protocol has no way back.

A word goes out at once: at most 2700 bytes, and the compositor handles all that lies in its socket,
up to 4096 bytes, before anything else. So no focus moves within a word.
"""

import hashlib
import os
import time
from collections.abc import Callable

from swictation.inject.sendable import words
from swictation.inject.wayland import keymap
from swictation.inject.wayland.connection import IN_TEXT_S, Connection
from swictation.inject.wayland.keymap import Layout
from swictation.inject.wayland.protocols import VIRTUAL_KEYBOARD_MANAGER
from swictation.inject.wayland.wire import Remote, WireError

XKB_V1 = 1
_HAS_KEYBOARD = 2


class Keyboard:
    """Presses keys. For the connection's thread."""

    def __init__(self, connection: Connection, manager: Remote, seat: Remote) -> None:
        self._connection = connection
        self._heard = Heard(seat)
        self._remote = manager.create("create_virtual_keyboard", seat)
        self._ours = b""
        """What is heard of the keymap that was sent last."""
        self._layout = Layout()
        self._send(self._layout)

    @classmethod
    def on(cls, connection: Connection, seat: Remote) -> "Keyboard | None":
        """None where the compositor has no virtual keyboards."""
        manager = connection.bind(VIRTUAL_KEYBOARD_MANAGER)
        return None if manager is None else cls(connection, manager, seat)

    def type(self, text: str, undisturbed: Callable[[], bool]) -> int:
        """Type `text` word by word while `undisturbed`. The number of characters typed.

        Raises BrokenOffError with the number so far as its `typed`.
        """
        typed = 0
        try:
            self.take_up()
            for layout, piece in keymap.plan(text, self._layout):
                for word in words(piece):
                    if layout is not self._layout:
                        self._use(layout)
                    if not undisturbed():
                        return typed
                    self._strike(word)
                    typed += len(word)
                    self._connection.barrier(IN_TEXT_S)
        except WireError as error:
            raise BrokenOffError(typed, str(error)) from error
        return typed

    def take_up(self) -> None:
        """Have the seat use this keyboard, with its keymap: sway gives it the user's at a reload.

        Raises WireError.
        """
        self.nudge()
        if not self._ours or self._heard.keymap != self._ours:
            self._use(self._layout)

    def nudge(self) -> None:
        """Have the seat use this keyboard, and the window with the focus hear of it: no key.

        Level3 changes no letter that is not pressed meanwhile. Raises WireError.
        """
        self._modifiers(keymap.LEVEL3_MODIFIER)
        self._modifiers(0)
        self._connection.sent_out()

    def announce(self) -> None:
        """Have all clients of the seat hear of it: of a keymap that differs. Raises WireError."""
        self.nudge()
        last = "ß" if self._layout.others[-1:] == ("é",) else "é"
        self._use(self._layout.with_characters((last,)))

    def shortcut(self, *modifiers: int, key: int) -> None:
        """Press `key` with Control or Shift held: queued, not yet sent."""
        masks = {
            keymap.CONTROL: keymap.CONTROL_MODIFIER,
            keymap.SHIFT: keymap.SHIFT_MODIFIER,
        }
        for modifier in modifiers:
            self._key(modifier, down=True)
        self._modifiers(sum(masks[modifier] for modifier in modifiers))
        self._key(key, down=True)
        self._key(key, down=False)
        for modifier in reversed(modifiers):
            self._key(modifier, down=False)
        self._modifiers(0)

    def _strike(self, text: str) -> None:
        held = 0
        for character in text:
            key, modifiers = self._layout.stroke(character)
            if modifiers != held:
                self._modifiers(modifiers)
                held = modifiers
            self._key(key, down=True)
            self._key(key, down=False)
        if held:
            self._modifiers(0)

    def _use(self, layout: Layout) -> None:
        self._send(layout)
        self.nudge()
        self._ours = self._heard.keymap

    def _send(self, layout: Layout) -> None:
        content = layout.xkb()
        fd = os.memfd_create("keymap", os.MFD_CLOEXEC)
        try:
            os.write(fd, content)
            self._remote.send("keymap", XKB_V1, fd, len(content))
        finally:
            os.close(fd)
        self._layout = layout

    def _key(self, key: int, *, down: bool) -> None:
        now_ms = int(time.monotonic() * 1000) & 0xFFFFFFFF
        self._remote.send("key", now_ms, key, int(down))

    def _modifiers(self, mask: int) -> None:
        self._remote.send("modifiers", mask, 0, 0, 0)


class Heard:
    """What keymap a client of the seat hears of, as a digest; b"" while there is none."""

    def __init__(self, seat: Remote) -> None:
        self.keymap = b""
        self._keyboard: Remote | None = None
        self._seat = seat
        seat.on("capabilities", self._on_capabilities)

    def _on_capabilities(self, has: int) -> None:
        if has & _HAS_KEYBOARD and self._keyboard is None:
            self._keyboard = self._seat.create("get_keyboard")
            self._keyboard.on("keymap", self._on_keymap)

    def _on_keymap(self, _format: int, fd: int, size: int) -> None:
        try:
            self.keymap = hashlib.sha256(os.pread(fd, size, 0)).digest()
        except OSError:
            self.keymap = b""
        finally:
            os.close(fd)


class BrokenOffError(WireError):
    """The connection failed while keys were on their way."""

    def __init__(self, typed: int, reason: str) -> None:
        super().__init__(reason)
        self.typed = typed
