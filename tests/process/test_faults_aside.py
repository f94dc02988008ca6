"""Where the sound is on which an engine died twice, and when it goes: never before its text."""

import os
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest

from faults.pairs import all_tried, said, states
from swictation.doctor.orphaned_audio import find, quarantined
from swictation.errors import SwictationError
from swictation.events import WorkerReady
from swictation.paths import spool_dir

pytestmark = pytest.mark.process


def test_what_can_no_longer_be_read_is_left_to_the_user(dictating):
    """What is on disk of it stays there, and `doctor` says how to transcribe it by hand."""

    async def test(desk):
        await desk.dictate()
        await all_tried(desk, "failed")
        (named,) = desk.retries.asides
        desk.stream.journal._ring = np.zeros(16_000, np.int16)  # so it has to be read from disk
        with Path(named.path).open("r+b") as file:
            file.write(b"JUNK")
        with pytest.raises(SwictationError, match="still set aside"):
            await desk.dictation.retry()
        assert states(desk)[-1] == "left"
        assert not desk.retries.asides
        assert Path(named.path).exists()
        await desk.eventually(
            lambda: [a.is_tried_again for a in quarantined(spool_dir())] == [False]
        )

    dictating(test, u1=3)


def test_sound_that_the_user_has_taken_is_named_no_more(dictating):
    async def test(desk):
        await desk.dictate()
        await all_tried(desk, "failed")
        (named,) = desk.retries.asides
        Path(named.path).unlink()
        await desk.until(lambda: not desk.retries.asides)
        await desk.dictate()
        assert not Path(named.path).exists()
        assert states(desk) == ["begun", "failed", "gone"]

    dictating(test, u1=3)


def test_the_run_loop_never_asks_the_disk_for_it(dictating, monkeypatch):
    """A disk that does not answer would hold up all that is dictated."""
    asked = []
    real = os.stat

    def stat(path, *args, **options):
        if threading.current_thread() is threading.main_thread() and ".wav" in str(path):
            asked.append(path)
        return real(path, *args, **options)

    async def test(desk):
        monkeypatch.setattr(os, "stat", stat)
        await desk.dictate()
        await all_tried(desk, "failed")
        await desk.dictate()
        await all_tried(desk, "waits")
        assert desk.retries.asides
        assert not asked

    dictating(test, u1=4)


@pytest.mark.slow
def test_what_is_cancelled_is_not_tried_and_its_sound_goes(dictating):
    async def test(desk):
        await desk.dictate()
        await all_tried(desk, "failed")
        (named,) = desk.retries.asides
        desk.dictation.cancel()
        assert not desk.retries.asides
        await desk.eventually(lambda: not Path(named.path).exists())
        await desk.dictate()
        assert not desk.held
        assert states(desk) == ["begun", "failed", "cancelled"]

    dictating(test, u1=3)


@pytest.mark.slow
def test_at_the_end_its_sound_stays_and_the_next_doctor_names_it(dictating):
    async def test(desk):
        await desk.dictate()
        await all_tried(desk, "failed")

    dictating(test, u1=3)
    (left,) = find(spool_dir())
    assert left.utterances == 1
    assert not quarantined(spool_dir())


@pytest.mark.slow
def test_its_sound_stays_when_what_was_held_of_it_is_typed(dictating):
    """Its first words went to no window and are held; on the rest the engine died."""

    async def test(desk):
        desk.windows.focused = None
        await desk.dictate()
        await all_tried(desk, "failed")
        desk.windows.focused = "editor"
        assert await desk.dictation.paste_last() == 3
        (named,) = desk.retries.asides
        await desk.dictation.retry()
        assert states(desk)[-1] == "offered"
        await desk.until(lambda: bool(desk.held))
        assert Path(named.path).exists()
        await desk.dictation.paste_last()
        spoken = [word.strip(".").lower() for word in said(desk, 0, 1, 2)]
        assert sorted(desk.typed) == sorted(spoken)
        await desk.eventually(lambda: not Path(named.path).exists())

    dies_on_rest = {"kind": "signal", "utterance": 1, "forced": True, "times": 2}
    dictating(test, dies_on_rest, {"kind": "signal", "utterance": -3, "times": 1})


@pytest.fixture
def bad_disk(own_folders):
    """A file stands where the spool's folder should be."""
    spool_dir().parent.mkdir(parents=True)
    spool_dir().touch()
    return spool_dir()


@pytest.mark.slow
def test_what_is_in_memory_alone_is_named_where_it_is_once_the_disk_is_well(dictating, bad_disk):
    async def test(desk):
        await desk.dictate()
        await all_tried(desk, "failed")
        assert [aside.path for aside in desk.retries.asides] == [""]
        bad_disk.unlink()
        await desk.eventually(lambda: bool(quarantined(spool_dir())))
        (found,), (named,) = quarantined(spool_dir()), desk.retries.asides
        assert (str(found.path), found.is_tried_again) == (named.path, True)

    dictating(test, u1=3)


@pytest.mark.slow
def test_what_is_in_memory_alone_is_told_when_it_is_overwritten(dictating, bad_disk):
    async def test(desk):
        desk.stream.journal._ring = np.zeros(40 * 16_000, np.int16)
        await desk.dictate()
        await all_tried(desk, "failed")
        assert not desk.told("fault", kind="audio-lost")
        desk.sound = np.zeros(40 * 16_000, np.int16)
        desk.dictation.start()
        await desk.until(lambda: bool(desk.told("fault", kind="audio-lost")))
        assert states(desk)[-1] == "left"
        assert not desk.retries.asides
        desk.dictation.stop()

    dictating(test, u1=3)


@pytest.mark.slow
def test_news_of_a_worker_that_is_gone_again_is_no_occasion_to_ask_it(dictating):
    """It may have died between its word and our ear."""

    async def test(desk):
        await desk.dictate()
        await all_tried(desk, "begun")
        capabilities = desk.engines.pool.cpu.capabilities
        desk.retries.on_news(WorkerReady(99, 1, capabilities, 0.1))
        await all_tried(desk, "offered")

    dictating(test, u1=2)


@pytest.mark.slow
def test_without_a_disk_it_is_tried_from_memory(dictating, bad_disk):
    async def test(desk):
        await desk.dictate()
        await all_tried(desk, "offered")
        (told,) = desk.told("fault", kind="set-aside")
        assert told["path"] == ""
        assert desk.held == said(desk, 1)

    dictating(test, u1=2)


@pytest.mark.slow
def test_it_is_written_again_when_its_folder_was_removed(dictating):
    """Nobody took it: who removes all of the spool removes what is being said as well."""

    async def test(desk):
        await desk.dictate()
        await all_tried(desk, "failed")
        (named,) = desk.retries.asides
        shutil.rmtree(spool_dir())
        assert desk.retries.asides == (named,)
        await desk.dictate()
        await desk.until(lambda: bool(desk.held))
        assert desk.held == said(desk, 1)
        await desk.eventually(lambda: Path(named.path).exists())

    dictating(test, u1=3)
