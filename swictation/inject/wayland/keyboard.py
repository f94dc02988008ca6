"""Our own virtual keyboard, kept as long as the connection: zwp_virtual_keyboard_v1.

Keymap and keys travel in one stream, so a client has always read the keymap that a key was meant
for. It is created when the daemon starts: on a seat without a keyboard, clients listen for keys
only after one has come. Typed text is never confirmed: the protocol has no way back.

A word is sent at once: at most 2700 bytes. The compositor handles everything in its socket, up to
4096 bytes, before anything else. So the focus cannot move within a word.
"""

import hashlib
import os
import time
from collections.abc import Callable
from functools import partial

from swictation.inject.unsafe_characters import words
from swictation.inject.wayland import keymap
from swictation.inject.wayland.backlog import Pace
from swictation.inject.wayland.client.connection import IN_TEXT_S, Connection
from swictation.inject.wayland.client.protocols import VIRTUAL_KEYBOARD_MANAGER
from swictation.inject.wayland.client.wire import Remote
from swictation.inject.wayland.input_method import Progress
from swictation.inject.wayland.keymap import Layout

XKB_V1 = 1
_HAS_KEYBOARD = 2


class Keyboard:
    """Presses keys. For the connection's thread."""

    def __init__(self, connection: Connection, manager: Remote, seat: Remote) -> None:
        self._connection = connection
        self._heard = Heard(seat)
        self._remote = manager.create("create_virtual_keyboard", seat)
        self._ours = b""
        """The digest of the keymap that was sent last, as clients received it."""
        self._layout = Layout()
        self._send(self._layout)

    @classmethod
    def on(cls, connection: Connection, seat: Remote) -> "Keyboard | None":
        """None if the compositor has no virtual keyboards."""
        manager = connection.display.bind(VIRTUAL_KEYBOARD_MANAGER)
        return None if manager is None else cls(connection, manager, seat)

    def come_forward(self) -> None:
        """Become the seat's keyboard, whichever the user pressed last. Raises WireError.

        All windows get our keymap now rather than with the first key, which only one gets; and
        again after sway, at a reload, has given this keyboard the user's keymap.
        """
        self._nudge()
        if not self._ours or self._heard.keymap != self._ours:
            self._use(self._layout)
        self._connection.barrier(IN_TEXT_S)  # the compositor serves its clients in turn

    def type(
        self, text: str, progress: Progress, undisturbed: Callable[[], bool], pace: Pace
    ) -> None:
        """Type `text` word by word while `undisturbed`; `progress` counts.

        Raises WireError; `progress` is right even then.
        """
        plan = keymap.plan(text, self._layout)
        for layout, word in ((layout, word) for layout, piece in plan for word in words(piece)):
            if layout is not self._layout:
                pace.aside(partial(self._use, layout))
            if not pace.has_room() or not undisturbed():
                break
            self._strike(word)
            progress.sent += len(word)
            self._connection.barrier(IN_TEXT_S)
            pace.sent()
        pace.see()

    def press_paste(self) -> None:
        """Press Control+V: queued, not yet sent."""
        self._key(keymap.CONTROL, down=True)
        self._modifiers(keymap.CONTROL_MODIFIER)
        self._key(keymap.KEY_V, down=True)
        self._key(keymap.KEY_V, down=False)
        self._key(keymap.CONTROL, down=False)
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

    def _nudge(self) -> None:
        """Make the seat use this keyboard, without a key."""
        self._modifiers(keymap.SHIFT_MODIFIER)
        self._modifiers(0)
        self._connection.barrier(IN_TEXT_S)

    def _use(self, layout: Layout) -> None:
        self._send(layout)
        self._nudge()
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
    """The keymap that clients of the seat receive, as a digest; b"" while there is none."""

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
