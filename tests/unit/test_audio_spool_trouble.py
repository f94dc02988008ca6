"""Full disks, folders that vanish, machines that are too slow: what RAM has is not lost to them."""

import os
import shutil
import time
import wave
from threading import Event

import numpy as np
import pytest

from fakes.signals import eventually, numbered
from fakes.spooled import Spooled, SpoolTold
from patience import PATIENCE_S
from swictation.audio.spool import Spool
from swictation.audio.spoolfile import SpoolFolder
from swictation.doctor.orphaned_audio import find
from swictation.types import SAMPLE_RATE_HZ

pytestmark = pytest.mark.unit

SECOND = SAMPLE_RATE_HZ
MINUTES_S = 1 / 60


def cpu_s_while_idle():
    """What this process spends while nothing is to be done."""
    begun_s = time.process_time()
    Event().wait(0.3)
    return time.process_time() - begun_s


def obstruct(one, utterance=0):
    """Nothing can be written where the sound belongs, and nothing deleted."""
    one.sound(utterance).mkdir()


def sound_of(one, utterance=0):
    with wave.open(str(one.sound(utterance))) as file:
        return np.frombuffer(file.readframes(file.getnframes()), np.int16)


def begin(one, seconds=1, utterance=0):
    """An utterance that is on disk up to now, and goes on."""
    first = one.journal.end_sample
    one.spool.begin(utterance, first)
    one.capture(seconds * SECOND)
    last = one.journal.end_sample
    assert eventually(lambda: one.spool.span(utterance) == (first, last))


def recovered(one):
    return eventually(lambda: one.problems[-1:] == [""])


def test_what_cannot_be_written_is_told_once_and_raises_nothing(spooled):
    one = spooled()
    obstruct(one)
    one.spool.begin(0, 0)
    one.capture(SECOND)
    assert eventually(lambda: one.problems)
    one.spool.end(0, SECOND)
    one.spool.note(0, "intent", n=1, text="x").result(PATIENCE_S)
    assert one.spool.quarantine(0) is None
    one.utterance(1)  # others are on disk
    assert one.problems == ["is a directory"]
    one.spool.stop()
    assert one.problems == ["is a directory"]
    one.sound().rmdir()


def test_once_it_can_be_written_all_that_ram_has_is_on_disk_and_that_is_told_once(spooled):
    one = spooled()
    obstruct(one)
    one.spool.begin(0, 0)
    one.capture(SECOND)
    assert eventually(lambda: one.problems)
    one.spool.note(0, "intent", n=1, text="x").result(PATIENCE_S)
    one.capture(SECOND)
    one.sound().rmdir()
    assert recovered(one)
    assert one.spool.span(0) == (0, 2 * SECOND)
    assert one.lines() == [{"intent": {"n": 1, "text": "x"}}]
    one.spool.end(0, 2 * SECOND)
    assert eventually(one.finished)
    assert (sound_of(one) == numbered(0, 2 * SECOND)).all()
    assert one.problems == ["is a directory", ""]


def test_after_a_problem_the_thread_does_not_spin(spooled):
    one = spooled()
    obstruct(one)
    one.spool.begin(0, 0)
    one.capture(SECOND)
    assert eventually(lambda: one.problems)
    one.spool.end(0, SECOND)
    assert cpu_s_while_idle() < 0.1
    one.sound().rmdir()


@pytest.mark.parametrize("is_ended", [False, True])
def test_a_file_that_somebody_removed_is_written_again(spooled, is_ended):
    one = spooled()
    begin(one)
    one.spool.note(0, "intent", n=1, text="x").result(PATIENCE_S)
    if is_ended:
        one.spool.end(0, SECOND)
        assert eventually(one.finished)
    one.sound().unlink()
    one.folder.path.joinpath("000-000000.jsonl").unlink()
    assert recovered(one)
    assert (one.spool.read_back(0, SECOND) == numbered(0, SECOND)).all()
    assert one.lines() == [{"intent": {"n": 1, "text": "x"}}]
    assert one.problems == ["no such file or directory", ""]


def test_a_file_that_somebody_cut_is_written_again(spooled):
    one = spooled()
    begin(one)
    os.truncate(one.sound(), 1000)
    assert recovered(one)
    assert (one.spool.read_back(0, SECOND) == numbered(0, SECOND)).all()


def test_a_folder_that_somebody_removed_is_made_and_locked_again_with_all_that_was_in_it(spooled):
    one = spooled()
    one.utterance(0)
    begin(one, utterance=1)
    one.spool.note(1, "intent", n=1, text="x").result(PATIENCE_S)
    shutil.rmtree(one.folder.path, ignore_errors=True)  # it may be made again in between
    assert recovered(one)
    assert (sound_of(one, 0) == numbered(0, SECOND)).all()
    assert (one.spool.read_back(SECOND, 2 * SECOND) == numbered(SECOND, 2 * SECOND)).all()
    assert one.lines(1) == [{"intent": {"n": 1, "text": "x"}}]
    assert find(one.folder.path.parent) == [], "it belongs to a living process"


def test_a_lock_that_somebody_removed_is_taken_again(spooled):
    one = spooled()
    begin(one)
    (one.folder.path / "lock").unlink()
    assert eventually(lambda: find(one.folder.path.parent) == [])
    assert one.problems == []


def test_an_empty_folder_that_somebody_removed_is_no_trouble(spooled):
    one = spooled()
    one.folder.path.rename(one.folder.path.with_name("elsewhere"))
    one.utterance(0)
    assert (sound_of(one) == numbered(0, SECOND)).all()
    assert one.problems == []


def test_of_what_has_left_ram_when_the_file_is_removed_the_rest_is_kept(spooled):
    one = spooled(ring_s=2.0)
    begin(one)
    for _ in range(4):
        one.capture(SECOND // 2)
        last = one.journal.end_sample
        assert eventually(lambda last=last: one.spool.span(0) == (0, last))
    one.sound().unlink()
    assert recovered(one)
    first, last = one.spool.span(0)
    assert (first, last) == (SECOND, 3 * SECOND)
    assert (one.spool.read_back(first, last) == numbered(first, last)).all()
    assert one.spool.read_back(0, last) is None


def test_what_is_neither_on_disk_nor_in_ram_any_more_is_no_trouble_for_ever(spooled):
    one = spooled(ring_s=2.0)
    one.utterance(0)
    one.capture(5 * SECOND)
    one.sound().unlink()
    assert recovered(one)
    assert one.spool.read_back(0, SECOND) is None
    assert cpu_s_while_idle() < 0.1
    one.utterance(1)
    one.spool.settle(0)
    assert eventually(lambda: one.spool.span(0) == (0, 0))
    assert one.problems == ["no such file or directory", ""]


def test_what_a_process_of_the_same_number_left_is_not_written_over_when_the_disk_is_back(tmp_path):
    """Which was not seen before, because the disk was not there."""
    root = tmp_path / "spool"
    earlier = Spooled(root)
    earlier.utterance(0)
    left = earlier.sound()
    earlier.close()
    before = left.read_bytes()
    root.rename(tmp_path / "away")
    root.touch()
    one = Spooled(root, is_there=False)
    one.spool.begin(0, 0)
    one.capture(2 * SECOND)
    one.spool.end(0, 2 * SECOND)
    one.spool.note(0, "intent", n=1, text="x").result(PATIENCE_S)
    assert eventually(lambda: one.problems)
    root.unlink()
    (tmp_path / "away").rename(root)
    assert recovered(one)
    assert left.read_bytes() == before
    assert one.sound() != left
    assert (sound_of(one) == numbered(0, 2 * SECOND)).all()
    one.spool.settle(0)
    one.close()


def test_files_that_cannot_be_deleted_are_told_and_deleted_once_they_can_be(spooled, caplog):
    one = spooled()
    one.utterance(0)
    one.sound().unlink()
    obstruct(one)
    one.spool.settle(0)
    assert eventually(lambda: "cannot be deleted" in caplog.text)
    assert cpu_s_while_idle() < 0.1
    one.spool.note(0, "done", n=1, outcome="typed").result(PATIENCE_S)
    one.utterance(1)
    assert caplog.text.count("cannot be deleted") == 1
    assert one.problems == []
    one.sound().rmdir()
    one.sound().write_bytes(b"x")
    assert eventually(lambda: one.files() == ["000-000001.wav"])


def test_a_limit_that_cannot_be_kept_is_told_and_ends_nothing(spooled, caplog):
    one = spooled(max_minutes=1.5 * MINUTES_S)
    one.utterance(0)
    one.sound().unlink()
    obstruct(one)
    one.utterance(1)
    assert eventually(lambda: "the spool is full" in caplog.text or one.problems)
    one.spool.note(1, "intent", n=1, text="x").result(PATIENCE_S)
    one.sound().rmdir()


def test_sound_that_left_the_ring_before_its_turn_is_left_out(spooled, caplog):
    one = spooled(ring_s=0.5)
    one.capture(SECOND)
    one.spool.begin(0, 0)
    one.spool.end(0, SECOND)
    assert eventually(one.finished)
    assert (sound_of(one) == numbered(SECOND // 2, SECOND)).all()
    assert one.spool.read_back(0, SECOND) is None
    assert "fell behind" in caplog.text
    assert one.problems == []


def test_a_disk_that_does_not_answer_holds_nobody_up(spooled):
    """A pipe in place of the lines: to open it waits for a reader."""
    one = spooled()
    begin(one)
    path = one.folder.path / "000-000000.jsonl"
    os.mkfifo(path)
    noted = one.spool.note(0, "intent", n=1, text="x")
    with pytest.raises(TimeoutError):
        noted.result(0.2)
    assert (one.spool.read_back(0, SECOND) == numbered(0, SECOND)).all()
    one.spool.begin(1, SECOND)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    path.unlink()
    noted.result(PATIENCE_S)
    assert recovered(one)
    os.close(reader)


def test_an_idle_spool_costs_nothing(spooled):
    one = spooled()
    one.utterance(0)
    assert cpu_s_while_idle() < 0.05


def test_stopping_twice_or_before_the_start_is_harmless(tmp_path):
    folder = SpoolFolder(tmp_path)
    spool = Spool(folder, 0, 1.0, SpoolTold().post)
    spool.stop()
    spool.stop()
    folder.close()
    assert os.listdir(tmp_path) == []
