"""What others named, shown: no character of it commands a terminal or reorders a line."""

import json
import logging
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from swictation.control.status import STOPPED, decode, encode
from swictation.daemon.diagnostics import Formatter
from swictation.shown import json_escaped, json_line, printable, printable_lines, shortened

pytestmark = pytest.mark.unit

HOSTILE = "a\x1b]0;mine\x07\x9b31m\u202eb\u2028c\r\nswictation: all is well\ud800"
_any = st.text(st.characters())


def commands(text: str) -> list[str]:
    """What a terminal obeys, or what reorders its line."""
    return [c for c in text if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"}]


def test_names_that_people_give_are_shown_as_they_are():
    for name in ("Jabra Évolve 20", "Микрофон (USB)", "内蔵マイク", "C:\\new", "🎙"):
        assert printable(name) == name


def test_what_a_terminal_obeys_is_shown_by_its_code():
    assert printable("\x1b[2J\x9b\u202e\U000e0041") == "\\x1b[2J\\x9b\\u202e\\U000e0041"
    assert printable_lines("a\x1b\nb\r") == "a\\x1b\nb\\r"


def test_a_long_name_is_cut():
    assert printable("x" * 50, 9) == "xxxxxxxxx..."
    assert printable("x" * 9, 9) == "x" * 9


@given(_any)
def test_of_any_text_nothing_is_left_that_commands(text):
    assert commands(printable(text)) == []


@given(st.dictionaries(st.text(), st.text() | st.lists(st.text())))
def test_json_is_the_same_and_commands_nothing(value):
    told = json_line(value)
    assert commands(told) == []
    assert json.loads(told) == value


def test_json_that_another_wrote_over_many_lines_keeps_them():
    assert json_escaped('{\n "a": "\x9b"\n}') == '{\n "a": "\\u009b"\n}'


def test_a_status_that_is_read_is_printable():
    found = decode(encode(replace(STOPPED, last_error=HOSTILE[:-1])))
    assert [c for c in commands(found.last_error) if c != "\n"] == []
    assert "mine" in found.last_error


def test_a_line_of_the_log_is_one_line_and_a_traceback_keeps_its_own(caplog):
    formatter = Formatter("swictation: %(message)s")
    record = logging.makeLogRecord({"msg": "worker: %s", "args": (HOSTILE,)})
    line = formatter.format(record)
    assert commands(line) == []
    assert line.startswith("swictation: worker: a\\x1b]0;mine\\x07\\x9b31m\\u202eb\\u2028c\\r\\nsw")
    try:
        raise ValueError(HOSTILE)
    except ValueError:
        record = logging.makeLogRecord({"msg": "unexpected", "exc_info": sys.exc_info()})
    text = formatter.format(record)
    assert text.startswith("swictation: unexpected\nTraceback")
    assert [c for c in commands(text) if c != "\n"] == []


def test_a_text_is_cut_between_two_words():
    assert shortened("one two three", 13) == "one two three"
    assert shortened("one two three", 12) == "one two..."
    assert shortened("one two three", 10) == "one two..."
    assert shortened("one two three", 9) == "one..."
    assert shortened("onetwothree", 9) == "onetwo..."
