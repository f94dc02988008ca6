"""The keymaps of the Wayland keyboard; and the bindings' tables."""

import re
import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pywayland.protocol import ext_data_control_v1
from pywayland.protocol_core import Interface

from patience import PATIENCE_S
from swictation.inject.wayland import keymap
from swictation.inject.wayland.client import protocols
from swictation.inject.wayland.client.wire import interfaces
from swictation.inject.wayland.keymap import ASCII, LEVEL_MODIFIERS, OTHERS, POSITIONS, Layout, plan

pytestmark = pytest.mark.unit

printable = st.characters(codec="utf-8", categories=("L", "M", "N", "P", "S", "Zs"))


@given(st.text(printable, max_size=600))
def test_a_plan_spells_its_text_with_layouts_that_have_it(text: str) -> None:
    pieces = list(plan(text, Layout()))
    assert "".join(piece for _, piece in pieces) == text
    assert all(layout.has(piece) for layout, piece in pieces)


@given(st.text(printable, max_size=300))
def test_each_character_has_a_place_of_its_own_that_prints(text: str) -> None:
    for layout, piece in plan(text, Layout()):
        strokes = {character: layout.stroke(character) for character in {*piece, *ASCII}}
        assert len(set(strokes.values())) == len(strokes)
        for character, (key, modifiers) in strokes.items():
            assert key in POSITIONS or (character, key) == ("v", keymap.KEY_V)
            assert modifiers in LEVEL_MODIFIERS


def test_one_language_needs_one_keymap() -> None:
    layout = Layout()
    changes = 0
    for text in ("Größe — “naïve” café…", "Straße, Übermut, Ärger", "¿Qué? ¡Año!", "Größe"):
        for needed, _ in plan(text, layout):
            changes += needed is not layout
            layout = needed
    assert changes == 3


def test_more_characters_than_a_layout_has_room_for_are_cut() -> None:
    text = "".join(chr(0x4E00 + n) for n in range(3 * OTHERS))
    pieces = list(plan(text, Layout()))
    assert [len(piece) for _, piece in pieces] == [OTHERS] * 3
    with pytest.raises(ValueError, match="there is room for"):
        Layout(tuple(text))


def test_the_least_recently_needed_character_makes_room() -> None:
    old = tuple(chr(0x4E00 + n) for n in range(OTHERS))
    layout = Layout(old).with_characters(("é", old[0]))
    assert layout.has("é" + old[0])
    assert not layout.has(old[1])
    assert layout.has(old[2])


def test_no_shortcut_lies_on_the_highest_key() -> None:
    codes = [int(code) for code in re.findall(rb"<K\d+> = (\d+);", Layout(("é",)).xkb())]
    assert max(codes) == keymap.INSERT + 8
    assert max(codes) > keymap.KEY_V + 8


@pytest.mark.skipif(shutil.which("xkbcli") is None, reason="xkbcli is not installed")
@pytest.mark.parametrize("others", ["", "éß中😀", "".join(chr(0x391 + n) for n in range(OTHERS))])
def test_xkb_compiles_every_keymap(others: str) -> None:
    done = subprocess.run(
        ["xkbcli", "compile-keymap", "--from-xkb"],
        input=Layout(tuple(others)).xkb()[:-1],
        capture_output=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stderr


def test_the_table_of_data_control_says_what_pywayland_generated() -> None:
    ours = interfaces(protocols.EXT_DATA_CONTROL_TABLE)
    for suffix in ("Manager", "Device", "Source", "Offer"):
        theirs = getattr(ext_data_control_v1, f"ExtDataControl{suffix}V1")
        assert shape(ours[theirs.name]) == shape(theirs)


def shape(interface: type[Interface]) -> object:
    return (
        interface.version,
        *(
            [
                (
                    message.name,
                    message.version,
                    [(a.signature, a.interface and a.interface.name) for a in message.arguments],
                )
                for message in messages
            ]
            for messages in (interface.requests, interface.events)
        ),
    )


@pytest.mark.parametrize(
    "table", ["event before any", "interface a\nnonsense x", "interface a\nevent e x"]
)
def test_a_table_that_cannot_be_read_is_an_error(table: str) -> None:
    with pytest.raises(ValueError, match=r"too many values|neither|not an argument"):
        interfaces(table)
