"""Which key of the active layout types a character. Pure: the server's tables come in as rows."""

from collections.abc import Collection, Mapping, Sequence

import msgspec

from swictation.inject.x11.keys.keysyms import character_of

SHIFT_L, CONTROL_L, LEVEL3_SHIFT, INSERT = 0xFFE1, 0xFFE3, 0xFE03, 0xFF63
_SHIFT_R = 0xFFE2
_NUM_LOCK, _SCROLL_LOCK = 0xFF7F, 0xFF14
_KEYPAD = range(0xFF80, 0xFFBE)

# Where the core protocol puts XKB's group and level; later groups and levels move with the
# widest key, so characters there are typed from a spare keycode instead.
_COLUMNS = ((0, 0), (0, 1), (1, 0), (1, 1), (0, 2), (0, 3))

_LOCK_BIT = 1


class Key(msgspec.Struct, frozen=True):
    """A keycode and the level on it: bit 0 asks for Shift, bit 1 for the third-level shift."""

    keycode: int
    level: int = 0


class Keymap:
    """The keyboard as the server describes it now.

    `rows` are the keysyms of each keycode from `first_keycode` on, `modifiers` the keycodes of
    the eight modifiers, `lent` the content of the spare keycodes that this program filled.
    """

    def __init__(
        self,
        first_keycode: int,
        rows: Sequence[Sequence[int]],
        modifiers: Sequence[Collection[int]],
        lent: Mapping[int, tuple[int, int]],
    ) -> None:
        self.rows = {first_keycode + n: tuple(row) for n, row in enumerate(rows)}
        bound = {keycode for row in modifiers for keycode in row if keycode}
        self._shift = self.keycode_of(SHIFT_L) or self.keycode_of(_SHIFT_R)
        self.spare = {
            keycode: row
            for keycode, row in self.rows.items()
            if self._shift is not None
            and keycode not in bound
            and (not any(row) or row[:2] == lent.get(keycode))
        }
        self._level3 = next(
            (k for k, row in self.rows.items() if row[:1] == (LEVEL3_SHIFT,) and k in bound), None
        )
        self.held_mask = self._held_mask(modifiers)
        self._keys = self._index()

    def native(self, character: str, group: int) -> Key | None:
        """The key of layout `group` that types it with the fewest modifiers, if there is one."""
        return self._keys.get((character, group))

    def keycode_of(self, keysym: int) -> int | None:
        """The key that has it at its first level, whatever the layout: Shift, Control, Insert."""
        return next((k for k, row in self.rows.items() if row[:1] == (keysym,)), None)

    def modifiers_of(self, key: Key) -> list[int]:
        """The keycodes to hold for its level."""
        shift = self._shift if key.level & 1 else None
        level3 = self._level3 if key.level & 2 else None
        return [keycode for keycode in (shift, level3) if keycode is not None]

    def agrees(self, other: "Keymap", keys: Collection[Key]) -> bool:
        """True if these keys carry the same keysyms in both."""
        return all(self._keysyms(k.keycode) == other._keysyms(k.keycode) for k in keys)

    def _keysyms(self, keycode: int) -> tuple[int, ...]:
        """The columns that we use; other clients decide the width of a row."""
        row = self.rows.get(keycode, ())
        return (*row, *(0 for _ in _COLUMNS))[: len(_COLUMNS)]

    def _index(self) -> dict[tuple[str, int], Key]:
        keys: dict[tuple[str, int], Key] = {}
        missing = (0 if self._shift else 1) | (0 if self._level3 else 2)
        for keycode, row in self.rows.items():
            if keycode in self.spare or any(keysym in _KEYPAD for keysym in row):
                continue  # the meaning of a keypad key depends on NumLock
            for keysym, (group, level) in zip(row, _COLUMNS, strict=False):
                character = character_of(keysym)
                if not character or level & missing:
                    continue
                known = keys.get((character, group))
                if known is None or level < known.level:
                    keys[character, group] = Key(keycode, level)
        return keys

    def _held_mask(self, modifiers: Sequence[Collection[int]]) -> int:
        """Bits of the modifiers that turn text into shortcuts: all but the locks."""
        mask = 0
        for bit, row in enumerate(modifiers):
            first = {self.rows.get(keycode, ())[:1] for keycode in row if keycode}
            if bit != _LOCK_BIT and not first & {(_NUM_LOCK,), (_SCROLL_LOCK,)}:
                mask |= 1 << bit
        return mask
