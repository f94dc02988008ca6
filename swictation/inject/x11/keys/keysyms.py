"""Characters and the keysyms that stand for them (X protocol, appendix A)."""

from functools import cache

_UNICODE = 0x0100_0000
_LATIN1 = (range(0x20, 0x7F), range(0xA0, 0x100))

# The old sets are byte tables: the keysym's second byte is the byte in this encoding.
_BYTE_SETS = {
    0x01: "iso8859-2",
    0x02: "iso8859-3",
    0x03: "iso8859-4",
    0x05: "iso8859-6",
    0x06: "koi8-u",
    0x0C: "iso8859-8",
    0x0D: "tis-620",
}
_ACTING = {"\n": 0xFF0D, "\t": 0xFF09}
_GREEK_LETTERS = range(0xC1, 0xFA)
_IRREGULAR = {
    0x7D2: "Σ",
    0x7F2: "σ",
    0x7F3: "ς",
    0xAA9: "—",
    0xAAA: "–",
    0xAAE: "…",
    0xAC9: "™",
    0xAD0: "‘",
    0xAD1: "’",
    0xAD2: "“",
    0xAD3: "”",
    0xAFD: "‚",
    0xAFE: "„",
    0x13BC: "Œ",
    0x13BD: "œ",
    0x13BE: "Ÿ",
    0x20AC: "€",
}


def keysym_of(character: str) -> int:
    """The keysym to put on a spare keycode; every client reads these, whatever its locale."""
    if character in _ACTING:
        return _ACTING[character]
    code = ord(character)
    return code if any(code in part for part in _LATIN1) else _UNICODE | code


def character_of(keysym: int) -> str:
    """The character that a key with this keysym types, or "" (dead keys, functions, unknown)."""
    if any(keysym in part for part in _LATIN1):
        return chr(keysym)
    if keysym & 0xFF00_0000 == _UNICODE:
        code = keysym & 0x00FF_FFFF
        return chr(code) if 0x100 <= code <= 0x10FFFF and not 0xD800 <= code < 0xE000 else ""
    return _legacy().get(keysym, "")


@cache
def _legacy() -> dict[int, str]:
    table: dict[int, str] = {}
    for number, encoding in _BYTE_SETS.items():
        for low in range(0xA1, 0x100):
            table[number << 8 | low] = _decoded(low, encoding)
    for low in _GREEK_LETTERS:
        table[0x700 | low] = _decoded(low, "iso8859-7")
    table |= _IRREGULAR | {keysym: character for character, keysym in _ACTING.items()}
    # Letters only: KOI8 has box-drawing signs where keysyms have nothing or something else.
    return {
        keysym: character
        for keysym, character in table.items()
        if character.isalpha() or keysym in _IRREGULAR or character in _ACTING
    }


def _decoded(byte: int, encoding: str) -> str:
    return bytes([byte]).decode(encoding, errors="ignore")
