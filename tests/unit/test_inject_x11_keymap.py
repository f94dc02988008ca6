import pytest
from hypothesis import given
from hypothesis import strategies as st

from swictation.inject.unsafe_characters import LONGEST_WORD, words
from swictation.inject.x11.keys.keymap import Key, Keymap
from swictation.inject.x11.keys.keysyms import character_of, keysym_of
from swictation.inject.x11.keys.spares import Change, SpareKeycodes
from swictation.inject.x11.keys.typist import PIECE, pieces, reach

pytestmark = pytest.mark.unit

SHIFT, LEVEL3, NUM, ALT = 0xFFE1, 0xFE03, 0xFF7F, 0xFFE9
CYRILLIC_EF = 0x6C6
ROWS = [
    [ord("a"), ord("A"), CYRILLIC_EF, 0x6E6, 0xE6, 0xC6],  # 8
    [ord("2"), ord('"'), ord("2"), ord('"'), 0xB2, 0],  # 9
    [0, 0, 0, 0, 0, 0],  # 10
    [0, 0, 0, 0, 0, 0],  # 11
    [SHIFT, 0, SHIFT, 0, 0, 0],  # 12
    [LEVEL3, 0, LEVEL3, 0, 0, 0],  # 13
    [0xFFB1, ord("1"), 0, 0, 0, 0],  # 14: a keypad key
    [ord('"'), 0, ord('"'), 0, 0, 0],  # 15
    [0, 0, 0, 0, 0, 0],  # 16: empty, but a modifier sits on it
    [NUM, 0, 0, 0, 0, 0],  # 17
    [ALT, 0, 0, 0, 0, 0],  # 18
    [0, 0, 0, 0, 0, 0],  # 19
]
MODIFIERS = [[12], [], [], [18], [17], [16], [], [13]]


def keymap(lent=None, rows=ROWS, modifiers=MODIFIERS):
    return Keymap(8, rows, modifiers, lent or {})


def spares(*keycodes):
    made = SpareKeycodes()
    made.adopt(dict.fromkeys(keycodes, (0, 0)))
    return made


def lives_on(changes):
    """What a server would show after these requests."""
    return {
        change.first_keycode + n: row for change in changes for n, row in enumerate(change.rows)
    }


@pytest.mark.parametrize(
    ("character", "group", "key"),
    [
        ("a", 0, Key(8, 0)),
        ("A", 0, Key(8, 1)),
        ("æ", 0, Key(8, 2)),
        ("Æ", 0, Key(8, 3)),
        ("ф", 1, Key(8, 0)),
        ("Ф", 1, Key(8, 1)),
        ("a", 1, None),
        ("æ", 1, None),
        ("ф", 0, None),
        ("a", 2, None),
    ],
)
def test_each_layout_has_its_own_keys(character, group, key):
    assert keymap().native(character, group) == key


def test_the_key_with_the_fewest_modifiers_is_taken():
    assert keymap().native('"', 0) == Key(15, 0)


def test_the_keypad_is_no_place_for_digits_because_numlock_changes_it():
    assert keymap().native("1", 0) is None


def test_without_a_third_level_shift_the_third_level_cannot_be_reached():
    without = keymap(modifiers=[[12], [], [], [18], [17], [16], [], []])
    assert without.native("æ", 0) is None
    assert without.native("A", 0) == Key(8, 1)


def test_without_a_shift_nothing_that_needs_one_is_offered():
    rows = [[0, 0, 0, 0, 0, 0] if row[0] == SHIFT else row for row in ROWS]
    without = keymap(rows=rows)
    assert without.native("A", 0) is None
    assert without.native("Æ", 0) is None
    assert without.native("æ", 0) == Key(8, 2)
    assert not without.spare


def test_levels_name_the_keys_to_hold():
    assert keymap().modifiers_of(Key(8, 0)) == []
    assert keymap().modifiers_of(Key(8, 3)) == [12, 13]


def test_spare_means_empty_and_no_modifier():
    assert set(keymap().spare) == {10, 11, 19}


def test_what_this_program_put_on_a_keycode_leaves_it_spare():
    rows = [*ROWS]
    rows[2] = [0x1004E00, 0x1004E01, 0x1004E00, 0x1004E01, 0, 0]
    assert set(keymap({10: (0x1004E00, 0x1004E01)}, rows).spare) == {10, 11, 19}
    assert set(keymap({10: (0x1004E00, 0x1004E02)}, rows).spare) == {11, 19}


def test_held_modifiers_are_all_but_the_locks():
    assert keymap().held_mask == 0xFF & ~(1 << 1) & ~(1 << 4)


def test_keymaps_agree_on_a_key_whatever_the_width_of_their_rows():
    wider = keymap(rows=[[*row, 0, 0, 0] for row in ROWS])
    other = keymap(rows=[[ord("b"), ord("B")], *ROWS[1:]])
    assert keymap().agrees(wider, [Key(8), Key(9, 1)])
    assert not keymap().agrees(other, [Key(8)])
    assert keymap().agrees(other, [Key(9)])


@pytest.mark.parametrize(
    ("keysym", "character"),
    [
        (0x6C1, "а"),
        (0x6A3, "ё"),
        (0x6E0, "Ю"),
        (0x7C1, "Α"),
        (0x7D2, "Σ"),
        (0x7F2, "σ"),
        (0x7F3, "ς"),
        (0x1B1, "ą"),
        (0x20AC, "€"),
        (0xAD2, "“"),
        (0x1004E2D, "中"),
        (0x101F600, "😀"),
        (0xFE51, ""),
        (0xFF0D, "\n"),
        (0xFF1B, ""),
        (0x8A2, ""),
        (0, ""),
    ],
)
def test_keysyms_mean_characters(keysym, character):
    assert character_of(keysym) == character


@given(st.characters(exclude_categories=["Cc", "Cs"]))
def test_the_keysym_of_a_character_means_that_character(character):
    assert character_of(keysym_of(character)) == character


def test_neighbours_are_filled_in_one_request():
    changes = spares(10, 11, 19).place("中文字")
    assert changes == [
        Change(10, ((0x1005B57, 0x1005B57), (0x1004E2D, 0x1006587))),
    ]


def test_what_is_mapped_stays_where_it_is():
    some = spares(10, 11, 19)
    some.place("中文")
    before = some.where()
    assert some.place("文中") == []
    assert some.where() == before


def test_the_least_recently_used_go_first():
    some = spares(10, 11)
    some.place("ab")
    some.place("cd")
    some.place("ab")
    some.place("e")
    assert {"a", "b", "e"} < set(some.where())
    assert len({"c", "d"} & set(some.where())) == 1


def test_more_than_fits_is_an_error_and_changes_nothing():
    some = spares(10)
    with pytest.raises(ValueError, match="spare"):
        some.place("abc")
    assert some.where() == {}


def test_whoever_was_overwritten_by_another_client_is_placed_again():
    some = spares(10, 11)
    some.place("ab")
    some.adopt({10: (0, 0), 11: (0, 0)})
    assert some.where() == {}
    assert some.place("ab")


def test_a_shortcuts_letter_keeps_its_keycode_for_itself():
    some = spares(10, 11)
    assert some.reserved("v") is None
    changes = some.reserve("v")
    keycode = some.reserved("v")
    assert lives_on(changes) == {keycode: (ord("v"), ord("v"))}
    assert some.reserve("v") == []
    assert some.capacity == 2
    some.place("ab")
    some.place("cd")
    assert keycode not in {key.keycode for key in some.where().values()}


def test_every_keycode_ever_used_is_given_back_empty():
    some = spares(10, 11, 19)
    some.place("ab")
    some.reserve("v")
    some.place("cd")
    emptied = lives_on(some.vacate())
    assert set(emptied.values()) == {(0, 0)}
    assert set(emptied) == {10, 11, 19}
    assert some.where() == {}


@given(
    st.sets(st.integers(8, 40), min_size=2, max_size=12),
    st.lists(
        st.tuples(st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=9), st.booleans()),
        max_size=8,
    ),
)
def test_what_a_window_may_have_to_look_up_stays_where_it_is(keycodes, texts):
    some = spares(*keycodes)
    pinned = {}
    for owner, (text, is_read) in enumerate(texts):
        wanted = "".join(sorted(set(text)))
        if not some.fits(wanted):
            assert len(pinned.keys() | set(wanted)) > some.capacity
            continue
        some.place(wanted)
        where = some.where()
        assert pinned.items() <= where.items()
        if not is_read:
            some.pin(owner, wanted)
            pinned |= {character: where[character] for character in wanted}
    kept = {key.keycode for key in pinned.values()}
    assert kept.isdisjoint(lives_on(some.vacate()))


def test_a_window_that_has_read_its_keys_frees_their_places():
    some = spares(10)
    some.place("ab")
    some.pin(1, "ab")
    assert not some.fits("c")
    with pytest.raises(ValueError, match="no spare keycode"):
        some.reserve("v")
    some.unpin(1)
    assert some.fits("c")


@given(st.text(st.sampled_from("ab \t中é"), max_size=300))
def test_words_and_pieces_are_the_whole_text(text):
    assert "".join(words(text)) == text
    assert "".join(pieces(text)) == text
    assert all(len(word) <= LONGEST_WORD for word in words(text))
    assert all(len(piece) <= PIECE for piece in pieces(text))


def test_a_piece_ends_where_a_word_ends():
    assert words("one two  three") == ["one ", "two ", " three"]
    text = "ab cd " * 20
    assert all(piece.endswith(" ") for piece in pieces(text))
    assert reach("ab cde fg", 0, lambda c: c == " ", lambda some: len(some) <= 4) == 3
    assert reach("abcdef", 2, lambda c: False, lambda some: len(some) <= 2) == 4


@given(
    st.sets(st.integers(8, 40), min_size=1, max_size=12),
    st.lists(st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=40), max_size=8),
)
def test_the_server_always_shows_what_the_plan_says(keycodes, texts):
    some = spares(*keycodes)
    server = dict.fromkeys(keycodes, (0, 0))
    for text in texts:
        wanted = "".join(sorted(set(text)))[: some.capacity]
        changes = some.place(wanted)
        rows = lives_on(changes)
        assert rows.keys() <= keycodes
        server |= rows
        where = some.where()
        assert set(wanted) <= set(where)
        for character, key in where.items():
            assert server[key.keycode][key.level] == keysym_of(character)
        starts = [change.first_keycode for change in changes]
        ends = [change.first_keycode + len(change.rows) for change in changes]
        assert all(end < start for end, start in zip(ends, starts[1:], strict=False))
