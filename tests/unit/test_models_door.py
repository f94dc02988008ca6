"""The one door: a new plain file, under our name, in our folder, no larger than it may be."""

import ast
import os
from pathlib import Path

import pytest

import swictation
from swictation.errors import ModelError
from swictation.models.intake.door import Sink, is_name, receive, shown

pytestmark = pytest.mark.unit

READERS = {
    "tarfile": set(),
    "gzip": {"models/intake/tarball.py", "gpu/simulate/trace.py"},
    "zipfile": {"models/fetch/wheels.py", "asr/engines/canary/files/checkpoint.py"},
    "pickle": set(),
    "marshal": set(),
    "shelve": set(),
    "dill": set(),
    "bz2": set(),
    "lzma": set(),
    "urllib.request": set(),
    "requests": set(),
    "httpx": set(),
    "ftplib": set(),
    "huggingface_hub": {"models/fetch/hub.py"},
}
"""Who may import what brings foreign bytes in; all of these write through the door, or nothing."""


def imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def test_no_other_module_opens_archives_or_fetches():
    root = Path(swictation.__file__).parent
    found = {
        (name, str(path.relative_to(root)))
        for path in root.rglob("*.py")
        for module in imported(path)
        for name in READERS
        if module == name or module.startswith(f"{name}.")
    }
    assert found == {(name, path) for name, paths in READERS.items() for path in paths}


@pytest.mark.parametrize(
    "name",
    [
        *("", ".", "..", "../x", "/x", "a/b", "a\\b", ".x", "-x", "x\0y", "x\n", " x", "x ", "é"),
        *("a" * 201, "．．", "x／y", "\u202ex", "~x", "$x", "x:y"),
    ],
)
def test_what_is_no_plain_name_is_no_file(tmp_path, name):
    assert not is_name(name)
    with pytest.raises(ModelError):
        Sink(tmp_path, name, 10)
    assert list(tmp_path.iterdir()) == []


def test_no_more_is_written_than_may_be(tmp_path):
    with pytest.raises(ModelError, match="larger than the 10 bytes"):
        receive([b"12345", b"12345", b"1"], tmp_path, "x", 10)
    assert (tmp_path / "x").read_bytes() == b"1234512345"


def test_a_file_that_goes_on_counts_what_it_has(tmp_path):
    receive([b"123456"], tmp_path, "x", 10, goes_on=True)
    with pytest.raises(ModelError):
        receive([b"12345"], tmp_path, "x", 10, goes_on=True)
    assert (tmp_path / "x").stat().st_size == 6


@pytest.fixture
def others(tmp_path):
    """A file of somebody else's, and the folder of ours."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "others").write_bytes(b"mine")
    return tmp_path / "others"


@pytest.mark.parametrize("goes_on", [True, False])
@pytest.mark.parametrize("make", [os.symlink, os.link], ids=["symlink", "hard link"])
def test_through_a_link_nothing_is_written(others, make, goes_on):
    folder = others.parent / "folder"
    make(others, folder / "x")
    with pytest.raises((ModelError, OSError)):
        receive([b"evil"], folder, "x", 10, goes_on=goes_on)
    assert others.read_bytes() == b"mine"


@pytest.mark.parametrize("goes_on", [True, False])
def test_into_a_pipe_nothing_is_written_and_nobody_waits(others, goes_on):
    folder = others.parent / "folder"
    os.mkfifo(folder / "x")
    with pytest.raises((ModelError, OSError)):
        receive([b"evil"], folder, "x", 10, goes_on=goes_on)


def test_what_a_stranger_says_is_one_plain_line():
    told = shown(b"a\nb\x1b[31m\xff\xe2\x80\xae" + b"x" * 500)
    assert told.isprintable()
    assert len(told) < 80
