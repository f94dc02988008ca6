"""Keymaps for the virtual keyboard: which key and level has which character. Pure.

Characters are only on the 47 printing positions of a PC keyboard, with four levels each: Chromium
ignores the symbols of other keys. Control, Shift, Level3, v and Insert never move, and ASCII is in
every keymap, so that a text in one language needs one keymap.
"""

from collections.abc import Iterator

CONTROL, SHIFT, LEVEL3, KEY_V, INSERT = 29, 42, 100, 47, 110
"""evdev codes. Insert is the highest: GTK3 ignores shortcuts on a keymap's highest key, and no
shortcut of ours is on it."""
POSITIONS = (*range(2, 14), *range(16, 28), *range(30, 42), *range(43, 47), *range(48, 54), 86)
LEVEL_MODIFIERS = (0x00, 0x01, 0x80, 0x81)
"""Plain, Shift, Level3 (Mod5), both."""
CONTROL_MODIFIER, SHIFT_MODIFIER = 0x04, 0x01

ASCII = tuple(map(chr, range(0x20, 0x7F)))
OTHERS = len(POSITIONS) * len(LEVEL_MODIFIERS) - (len(ASCII) - 1)
"""Places left beside ASCII; v has a key of its own."""

Stroke = tuple[int, int]
"""Key and modifiers."""

_FIXED = {
    CONTROL: "Control_L",
    SHIFT: "Shift_L",
    LEVEL3: "ISO_Level3_Shift",
    KEY_V: "v",
    INSERT: "Insert",
}
_PLACES = [(key, modifiers) for modifiers in LEVEL_MODIFIERS for key in POSITIONS]


class Layout:
    """The position of each character; immutable."""

    def __init__(self, others: tuple[str, ...] = ()) -> None:
        """`others`: characters beside ASCII, most recently used last; at most OTHERS."""
        if len(others) > OTHERS:
            raise ValueError(f"{len(others)} characters, there is room for {OTHERS}")
        self.others = others
        moving = (*(c for c in ASCII if c != "v"), *others)
        self._strokes: dict[str, Stroke] = dict(zip(moving, _PLACES, strict=False))
        self._strokes["v"] = (KEY_V, 0)

    def has(self, text: str) -> bool:
        return all(character in self._strokes for character in text)

    def stroke(self, character: str) -> Stroke:
        """Raises KeyError if the layout lacks it."""
        return self._strokes[character]

    def with_characters(self, needed: tuple[str, ...]) -> "Layout":
        """A layout with `needed` (distinct, not ASCII), and the most recently used of the rest."""
        rest = tuple(c for c in self.others if c not in needed)
        return Layout((*rest[max(0, len(rest) + len(needed) - OTHERS) :], *needed))

    def xkb(self) -> bytes:
        """The keymap in XKB's text format, with the NUL that the protocol requires."""
        rows: dict[int, list[str]] = {}
        for character, (key, modifiers) in self._strokes.items():
            if key in POSITIONS:
                row = rows.setdefault(key, ["NoSymbol"] * len(LEVEL_MODIFIERS))
                row[LEVEL_MODIFIERS.index(modifiers)] = keysym(character)
        codes = "\n".join(f"<K{key}> = {key + 8};" for key in sorted({*rows, *_FIXED}))
        symbols = "\n".join(
            f'key <K{key}> {{ type = "FOUR_LEVEL", [ {", ".join(row)} ] }};'
            for key, row in rows.items()
        )
        fixed = "\n".join(
            f'key <K{key}> {{ type = "ONE_LEVEL", [ {symbol} ] }};'
            for key, symbol in _FIXED.items()
        )
        return _TEMPLATE.format(codes=codes, symbols=symbols, fixed=fixed).encode() + b"\0"


def keysym(character: str) -> str:
    """XKB's name for a character."""
    return f"U{ord(character):04X}"


def plan(text: str, layout: Layout) -> Iterator[tuple[Layout, str]]:
    """Cut `text` into pieces that a single layout can type, beginning with `layout`.

    A piece with the layout of the one before needs no new keymap.
    """
    while text:
        piece, needed = _longest_start(text)
        if not layout.has(piece):
            layout = layout.with_characters(needed)
        yield layout, piece
        text = text[len(piece) :]


def _longest_start(text: str) -> tuple[str, tuple[str, ...]]:
    """As much of `text` as fits one layout, and its characters beside ASCII."""
    needed: dict[str, None] = {}
    for position, character in enumerate(text):
        if character in ASCII or character in needed:
            continue
        if len(needed) == OTHERS:
            return text[:position], tuple(needed)
        needed[character] = None
    return text, tuple(needed)


_TEMPLATE = """xkb_keymap {{
xkb_keycodes "swictation" {{ minimum = 8; maximum = 255;
{codes}
}};
xkb_types "swictation" {{ include "complete" }};
xkb_compatibility "swictation" {{ include "complete" }};
xkb_symbols "swictation" {{
{symbols}
{fixed}
modifier_map Control {{ <K29> }};
modifier_map Shift {{ <K42> }};
modifier_map Mod5 {{ <K100> }};
}};
}};
"""
