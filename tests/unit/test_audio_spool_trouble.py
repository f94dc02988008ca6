"""Full disks, folders that vanish, machines that are too slow: the spool gives up quietly."""

import os
import time
from threading import Event

import pytest

from fakes.signals import eventually
from fakes.spooled import Spooled
from swictation.audio.spool import Spool
from swictation.audio.spoolfile import SpoolFolder
from swictation.types import SAMPLE_RATE_HZ

pytestmark = pytest.mark.unit

SECOND = SAMPLE_RATE_HZ
MINUTES_S = 1 / 60


@pytest.fixture
def spooled(tmp_path):
    made = []

    def make(**options):
        made.append(Spooled(tmp_path / "spool", **options))
        return made[-1]

    yield make
    for one in made:
        one.spool.stop()
        one.folder.close()


def cpu_s_while_idle():
    """What this process spends while nothing is to be done."""
    begun_s = time.process_time()
    Event().wait(0.3)
    return time.process_time() - begun_s


def fail_at_next_write(one):
    """The file of utterance 0 will be a device that is always full."""
    one.sound().symlink_to("/dev/full")


def test_a_full_disk_is_told_once_and_raises_nothing(spooled):
    one = spooled()
    fail_at_next_write(one)
    one.spool.begin(0, 0)
    one.capture(SECOND)
    assert eventually(lambda: one.problems)
    one.spool.end(0, SECOND)
    one.spool.begin(1, SECOND)
    one.capture(SECOND)
    one.spool.end(1, 2 * SECOND)
    one.spool.note(0, "intent", n=1, text="x").result(5)
    one.spool.settle(0)
    one.spool.settle(1)
    one.spool.stop()
    assert one.problems == ["no space left on device"]
    assert one.spool.set_aside(0) is None
    assert one.files() == []


def test_after_a_problem_the_thread_does_not_spin(spooled):
    one = spooled()
    fail_at_next_write(one)
    one.spool.begin(0, 0)
    one.capture(SECOND)
    assert eventually(lambda: one.problems)
    one.spool.end(0, SECOND)
    assert cpu_s_while_idle() < 0.1


def test_a_folder_that_vanishes_is_told_once_and_raises_nothing(spooled):
    one = spooled()
    one.folder.path.rename(one.folder.path.with_name("elsewhere"))
    one.spool.begin(0, 0)
    one.capture(SECOND)
    assert eventually(lambda: one.problems)
    one.spool.note(0, "intent", n=1, text="x").result(5)
    one.spool.end(0, SECOND)
    one.spool.settle(0)
    one.spool.stop()
    assert one.problems == ["no such file or directory"]


def test_files_that_cannot_be_deleted_are_told_once_and_not_tried_forever(spooled):
    one = spooled()
    one.utterance(0)
    one.sound().unlink()
    one.sound().mkdir()
    one.spool.settle(0)
    assert eventually(lambda: one.problems)
    assert cpu_s_while_idle() < 0.1
    one.spool.note(0, "done", n=1, outcome="typed").result(5)
    assert len(one.problems) == 1
    one.sound().rmdir()


def test_a_limit_that_cannot_be_kept_is_told_and_ends_nothing(spooled):
    one = spooled(max_minutes=1.5 * MINUTES_S)
    one.utterance(0)
    one.sound().unlink()
    one.sound().mkdir()
    one.spool.begin(1, SECOND)
    one.capture(SECOND)
    one.spool.end(1, 2 * SECOND)
    assert eventually(lambda: one.problems)
    one.spool.note(1, "intent", n=1, text="x").result(5)
    one.sound().rmdir()


def test_sound_that_left_the_ring_before_its_turn_is_replaced_by_silence(spooled, caplog):
    one = spooled(ring_s=0.5)
    one.capture(SECOND)
    one.spool.begin(0, 0)
    one.spool.end(0, SECOND)
    assert eventually(one.finished)
    assert one.sound().stat().st_size == 44 + 2 * SECOND
    assert "fell behind" in caplog.text
    assert one.problems == []


def test_an_idle_spool_costs_nothing(spooled):
    one = spooled()
    one.utterance(0)
    assert cpu_s_while_idle() < 0.05


def test_stopping_twice_or_before_the_start_is_harmless(tmp_path):
    folder = SpoolFolder(tmp_path)
    spool = Spool(folder, 0, 1.0, lambda reason: None)
    spool.stop()
    spool.stop()
    folder.close()
    assert os.listdir(tmp_path) == []
