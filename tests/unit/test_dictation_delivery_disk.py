"""The line before a text and the line after it, on a disk that refuses or does not answer."""

import json
import os

import pytest

from fakes.dictated import Dictated, dictated
from fakes.signals import eventually, numbered
from fakes.spooled import SpoolTold, secured
from swictation.audio.spool import Spool
from swictation.types import to_samples

pytestmark = pytest.mark.unit


@pytest.fixture
def told():
    return SpoolTold()


@pytest.fixture
def problems(told):
    return told.problems


@pytest.fixture
def spool(tmp_path, told):
    folder = secured(tmp_path / "spool")
    spool = Spool(folder, 0, 60.0, told.post)
    yield spool
    spool.stop()
    folder.close()


@pytest.fixture
def lines(spool):
    return spool._folder.path / "000-000000.jsonl"


async def begin(one):
    one.stream.unheard.append(0)
    one.stream.spool.start(one.stream.journal, lambda: one.stream.speech.heard_sample)
    one.stream.journal.append(numbered(0, to_samples(5.0)))
    one.stream.speech.heard_sample = to_samples(5.0)
    await one.begin(0)


async def say(one, *, final):
    await (one.end(0) if final else one.pause(0))
    await one.answer("Hello there." if not final else "")


def test_a_text_whose_line_cannot_be_written_is_typed_once_and_the_line_follows(
    spool, lines, problems
):
    async def test(one: Dictated):
        await begin(one)
        lines.mkdir()
        await say(one, final=False)
        assert one.field == "Hello there"
        assert eventually(lambda: problems == ["is a directory"])
        lines.rmdir()
        assert eventually(lambda: problems[1:] == [""])
        written = [json.loads(line) for line in lines.read_text().splitlines()]
        assert [next(iter(line)) for line in written] == ["intent", "done"]
        assert written[0]["intent"] == {"n": 1, "text": "Hello there"}
        assert one.field == "Hello there"

    dictated(test, spool=spool)


def test_a_disk_that_does_not_answer_holds_no_text_up(spool, lines):
    """A pipe in place of the lines: to open it waits for a reader."""

    async def test(one: Dictated):
        await begin(one)
        os.mkfifo(lines)
        await say(one, final=False)
        assert one.field == "Hello there"
        reader = os.open(lines, os.O_RDONLY | os.O_NONBLOCK)
        lines.unlink()
        assert eventually(lambda: lines.exists() and lines.read_text().count("\n") == 2)
        os.close(reader)

    dictated(test, spool=spool)
