"""A virtual keyboard of our own, there for life: zwp_virtual_keyboard_v1.

Keymap and keys travel in one stream, so a client has always read the keymap that a key was meant
for. It is created when the daemon starts: on a seat without a keyboard clients listen for keys only
after one has come. What it typed is never confirmed: the protocol has no way back.
"""

import os
import time
from collections.abc import Callable

from swictation.inject.wayland import keymap
from swictation.inject.wayland.connection import Connection
from swictation.inject.wayland.keymap import Layout
from swictation.inject.wayland.protocols import VIRTUAL_KEYBOARD_MANAGER
from swictation.inject.wayland.wire import Remote, WireError

XKB_V1 = 1
BURST = 16
"""Characters between two looks at where the focus is: so many at most can go astray. Fewer would
fill a slow window's socket sooner, as each burst takes a buffer of its own there."""
LONGEST = 1500
"""Characters at once. The compositor throws a window out that does not read its events when its
socket is full: 200 kB. Nobody can ask a window how far it has read, so this is a budget: LONGEST
at once, PER_S more each second."""
PER_S = 1000


class Keyboard:
    """Presses keys. For the connection's thread."""

    def __init__(self, connection: Connection, manager: Remote, seat: Remote) -> None:
        self._connection = connection
        self._remote = manager.create("create_virtual_keyboard", seat)
        self._layout = Layout()
        self._spent = 0.0
        self._spent_at_s = 0.0
        self._use(self._layout)

    @classmethod
    def on(cls, connection: Connection, seat: Remote) -> "Keyboard | None":
        """None where the compositor has no virtual keyboards."""
        manager = connection.bind(VIRTUAL_KEYBOARD_MANAGER)
        return None if manager is None else cls(connection, manager, seat)

    def type(self, text: str, undisturbed: Callable[[], bool]) -> int:
        """Type `text`; stops early when not `undisturbed`. The number of characters typed.

        Raises WireError with the number so far as its `typed`.
        """
        typed = 0
        try:
            for layout, piece in keymap.plan(text, self._layout):
                if layout is not self._layout:
                    self._use(layout)
                for start in range(0, len(piece), BURST):
                    if not undisturbed():
                        return typed
                    burst = piece[start : start + BURST]
                    self._spend()
                    self._strike(burst)
                    typed += len(burst)
                    self._connection.barrier()
        except WireError as error:
            raise BrokenOffError(typed, str(error)) from error
        return typed

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

    def _spend(self) -> None:
        """Wait until the budget has room for a burst; a short one takes as much room."""
        now_s = time.monotonic()
        self._spent = max(0.0, self._spent - (now_s - self._spent_at_s) * PER_S)
        self._spent_at_s = now_s
        self._spent += BURST
        if self._spent > LONGEST:
            self._connection.wait(lambda: False, (self._spent - LONGEST) / PER_S)

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


class BrokenOffError(WireError):
    """The connection failed while keys were on their way."""

    def __init__(self, typed: int, reason: str) -> None:
        super().__init__(reason)
        self.typed = typed
