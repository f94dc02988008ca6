"""Files made to hang, to fill memory or to break the parser: an error for a person, soon."""

import os
import socket
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swictation.asr.registry import PROVIDERS
from swictation.config.depth import MAX_DEPTH, too_deep
from swictation.config.load import load
from swictation.errors import ConfigError

pytestmark = pytest.mark.unit

A_QUOTED_KEY = ".".join(['"a.b"', "'c'"] * 4_000)
STRINGS = 'x = "\\"{" # \'\'\' [{ \ny = \'"""\' # """\n'
DEEP = {
    "a key": ("a." * 20_000 + "a = 1", 1),
    "a quoted key": (A_QUOTED_KEY + " = 1", 1),
    "a header": ("# x\n[" + "a . " * 10_000 + "a]\nb = 1", 2),
    "a list of tables": ("[[" + "a." * 20_000 + "a]]", 1),
    "a key of an inline table": ("x = { " + "a." * 20_000 + "a = 1 }", 1),
    "arrays": ("x = " + "[" * 60_000, 1),
    "inline tables": ("x = " + "{a=" * 20_000, 1),
    "a key behind strings": (STRINGS + "a." * 1200 + "a = 1", 3),
}
FLAT = [
    "# " + "a." * 500 + "[[[[[[[[[[",
    'x = "' + "a." * 500 + '[[[[[[[[[["',
    "x = '" + "a." * 500 + "{{{{{{{{{{'",
    'x = """\n' + "a." * 500 + ' "" [[[[[[[[[[""""',
    "x = '''\n" + "a." * 500 + " '' [[[[[[[[[['''''",
    "x = [" + "[1.5, 2020-01-01], " * 200 + "]",
    f"x = {'[' * MAX_DEPTH}{']' * MAX_DEPTH}",
    f"{'.'.join(['a'] * MAX_DEPTH)} = 1",
]


@pytest.fixture
def file(tmp_path):
    return tmp_path / "config.toml"


@pytest.mark.parametrize(("text", "line"), DEEP.values(), ids=DEEP)
def test_what_is_too_deep_is_told_with_its_line_and_never_parsed(file, text, line):
    file.write_text(text)
    with pytest.raises(ConfigError, match="too deeply nested") as caught:
        load(file, PROVIDERS)
    assert caught.value.message.startswith(f"{file}:{line}:")
    assert "hang_over_s" in caught.value.remedy


@pytest.mark.parametrize("text", FLAT)
def test_dots_and_brackets_in_text_and_comments_are_not_depth(text):
    tomllib.loads(text)
    assert too_deep(text) == 0


@given(st.text("ab.\"'\\\n[]{}=,# 1", max_size=60))
def test_what_can_be_parsed_and_is_let_through_is_not_deep(text):
    if too_deep(text):
        return
    try:
        document = tomllib.loads(text)
    except ValueError:
        return
    assert depth_of(document) <= MAX_DEPTH * (MAX_DEPTH + 2)


def depth_of(value: object) -> int:
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + max(map(depth_of, inside), default=0) if isinstance(value, dict | list) else 0


def test_a_pipe_is_told_and_not_waited_for(file):
    os.mkfifo(file)
    with pytest.raises(ConfigError, match="a pipe or a device, not a file"):
        load(file, PROVIDERS)


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/tty", "/dev/ptmx"])
def test_a_device_is_told_and_not_opened(device):
    if not os.path.exists(device):
        pytest.skip(f"no {device}")
    with pytest.raises(ConfigError, match="a pipe or a device, not a file"):
        load(Path(device), PROVIDERS)


def test_a_socket_is_told(file):
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(file))
        with pytest.raises(ConfigError, match="a pipe or a device, not a file"):
            load(file, PROVIDERS)


def test_a_file_of_two_gigabytes_is_not_read(file):
    with file.open("wb") as out:
        out.truncate(2 * 2**30)
    with pytest.raises(ConfigError, match="above 64 KiB"):
        load(file, PROVIDERS)


def test_nul_bytes_are_told_with_their_line(file):
    file.write_bytes(b"[vad]\nhang_over_s = \0\n")
    with pytest.raises(ConfigError, match=":2: not TOML"):
        load(file, PROVIDERS)


def test_of_thousands_of_unknown_keys_a_hundred_are_told(file):
    file.write_text("[vad]\n" + "".join(f"hang_over_{n} = 1\n" for n in range(3000)))
    warnings = load(file, PROVIDERS).warnings
    assert len(warnings) == 101
    assert warnings[0] == f"{file}:2: unknown key [vad] hang_over_0: did you mean 'hang_over_s'?"
    assert warnings[-1] == f"{file}: ... and 2900 more"


def test_statements_of_many_rows_are_not_parsed_again_for_each_of_them(file, monkeypatch):
    arrays = "".join(f"x{number} = [\n" + "1,\n" * 97 + "]\n" for number in range(190))
    file.write_text(f"{arrays}[vad]\nhang_over_s = 'x'\n")
    loads, parsed = tomllib.loads, []
    monkeypatch.setattr(tomllib, "loads", lambda text: parsed.append(len(text)) or loads(text))
    with pytest.raises(ConfigError, match="hang_over_s"):
        load(file, PROVIDERS)
    assert sum(parsed) < 4 * file.stat().st_size
