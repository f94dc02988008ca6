from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.signals import numbered
from patience import PATIENCE_S
from swictation.audio.journal import UNSETTLED_LIMIT_S, Journal, Stretch
from swictation.errors import AudioLostError
from swictation.types import to_samples

pytestmark = pytest.mark.unit

RING_S = 0.1
RING = to_samples(RING_S)
LIMIT = to_samples(UNSETTLED_LIMIT_S)
GAP = to_samples(0.2)
WAITING_S = 0.05
"""A thread that has not come back after this is taken to wait."""


@pytest.fixture
def thread():
    with ThreadPoolExecutor(1) as pool:
        yield pool


def never():
    return False


def waits(future):
    try:
        future.result(WAITING_S)
    except TimeoutError:
        return True
    return False


def fill(journal, samples, block=RING):
    for at in range(0, samples, block):
        journal.append(numbered(at, min(samples, at + block)))


def test_what_was_appended_can_be_read_by_its_number():
    journal = Journal(RING_S)
    fill(journal, 1000)
    assert journal.end_sample == 1000
    assert (journal.read(100, 900) == numbered(100, 900)).all()


def test_behind_the_end_there_are_zeros():
    journal = Journal(RING_S)
    fill(journal, 1000)
    heard = journal.read(990, 1200)
    assert (heard[:10] == numbered(990, 1000)).all()
    assert not heard[10:].any()
    assert len(heard) == 210
    assert not journal.read(5000, 5100).any()


def test_an_empty_range_is_empty():
    journal = Journal(RING_S)
    fill(journal, 1000)
    assert len(journal.read(500, 500)) == 0


def test_the_ring_keeps_the_last_samples_across_its_seam():
    journal = Journal(RING_S)
    fill(journal, RING + 700, block=100)
    assert journal.ring_start_sample == 700
    assert (journal.read(700, RING + 700) == numbered(700, RING + 700)).all()


def test_a_block_longer_than_the_ring_leaves_its_end():
    journal = Journal(RING_S)
    journal.append(numbered(0, 3 * RING + 11))
    assert journal.end_sample == 3 * RING + 11
    start = journal.ring_start_sample
    assert (journal.read(start, 3 * RING + 11) == numbered(start, 3 * RING + 11)).all()


def test_what_is_read_is_a_copy():
    journal = Journal(RING_S)
    fill(journal, RING)
    heard = journal.read(0, RING)
    fill_again = numbered(0, RING) + 1
    journal.append(fill_again)
    assert (heard == numbered(0, RING)).all()


def test_what_is_older_than_the_ring_is_read_back():
    asked = []

    def read_back(first, last):
        asked.append((first, last))
        return numbered(first, last)

    journal = Journal(RING_S, read_back)
    fill(journal, 3 * RING)
    assert (journal.read(5, 100) == numbered(5, 100)).all()
    journal.read(2 * RING, 2 * RING + 5)
    assert asked == [(5, 100)]


@pytest.mark.parametrize("read_back", [None, lambda first, last: None])
def test_what_is_kept_nowhere_is_an_error_that_names_the_time(read_back):
    journal = Journal(RING_S, read_back)
    fill(journal, 5 * RING)
    with pytest.raises(AudioLostError, match=r"0\.0-0\.1 s is no longer kept"):
        journal.read(0, RING)


@given(st.lists(st.integers(0, 2 * RING), max_size=12), st.data())
def test_every_sample_of_the_ring_is_what_was_appended_under_its_number(blocks, data):
    journal, at = Journal(RING_S), 0
    for block in blocks:
        journal.append(numbered(at, at + block))
        at += block
    first = data.draw(st.integers(journal.ring_start_sample, at))
    last = data.draw(st.integers(first, at + RING))
    heard = journal.read(first, last)
    assert (heard[: at - first] == numbered(first, min(at, last))).all()
    assert not heard[at - first :].any()


def test_waiting_for_more_ends_with_the_next_sample(thread):
    journal = Journal(RING_S)
    fill(journal, 100)
    assert journal.next_stretch(99, LIMIT) == Stretch(100, 100)
    waiter = thread.submit(journal.next_stretch, 100, LIMIT)
    assert waits(waiter)
    journal.append(numbered(100, 101))
    assert waiter.result(PATIENCE_S) == Stretch(101, 101)


def test_a_stretch_is_no_longer_than_asked_for():
    journal = Journal(RING_S)
    fill(journal, 100)
    assert journal.next_stretch(10, 30) == Stretch(40, 40)


def test_waiting_for_more_ends_when_the_journal_is_closed(thread):
    journal = Journal(RING_S)
    waiter = thread.submit(journal.next_stretch, 0, LIMIT)
    assert waits(waiter)
    journal.close()
    assert waiter.result(PATIENCE_S) is None


def test_a_dictation_ends_at_its_last_sample_and_the_next_begins_behind_a_gap_of_zeros(thread):
    journal = Journal(RING_S)
    fill(journal, 100)
    journal.end_dictation()
    first = journal.next_stretch(0, LIMIT)
    assert first == Stretch(100, 100 + GAP, ends_dictation=True)
    journal.append(np.full(10, 7, np.int16))
    assert journal.next_stretch(first.next_sample, LIMIT) == Stretch(110 + GAP, 110 + GAP)
    heard = journal.read(GAP, 110 + GAP)
    assert not heard[:-10].any()
    assert (heard[-10:] == 7).all()


def test_a_dictation_that_ends_where_nothing_is_left_to_hear_still_ends():
    journal = Journal(RING_S)
    fill(journal, 100)
    assert journal.next_stretch(0, LIMIT) == Stretch(100, 100)
    journal.end_dictation()
    assert journal.next_stretch(100, LIMIT) == Stretch(100, 100 + GAP, ends_dictation=True)


def test_empty_dictations_each_end():
    journal, at = Journal(RING_S), 0
    for _ in range(3):
        journal.end_dictation()
    for _ in range(3):
        stretch = journal.next_stretch(at, LIMIT)
        assert stretch == Stretch(at, at + GAP, ends_dictation=True)
        at = stretch.next_sample


def test_a_file_waits_while_more_than_a_minute_is_unsettled(thread):
    journal = Journal(RING_S)
    fill(journal, LIMIT)
    journal.wait_for_room(never)
    journal.append(numbered(0, 1))
    waiter = thread.submit(journal.wait_for_room, never)
    assert waits(waiter)
    journal.settle(1)
    waiter.result(PATIENCE_S)


def test_a_file_that_waits_is_released_by_a_stop(thread):
    journal = Journal(RING_S)
    fill(journal, LIMIT + 1)
    waiter = thread.submit(journal.wait_for_room, never)
    assert waits(waiter)
    journal.close()
    waiter.result(PATIENCE_S)


def test_a_file_that_waits_is_released_by_the_end_of_its_dictation(thread):
    journal, over = Journal(RING_S), []
    fill(journal, LIMIT + 1)
    waiter = thread.submit(journal.wait_for_room, lambda: bool(over))
    assert waits(waiter)
    over.append(True)
    journal.end_dictation()
    waiter.result(PATIENCE_S)


def test_sound_that_comes_does_not_wake_who_waits_for_room(thread):
    journal, woken = Journal(RING_S), []
    fill(journal, LIMIT + 1)
    waiter = thread.submit(journal.wait_for_room, lambda: woken.append(True) or False)
    assert waits(waiter)
    for _ in range(10):
        journal.append(numbered(0, RING))
        waits(waiter)
    journal.settle(journal.end_sample)
    waiter.result(PATIENCE_S)
    assert len(woken) == 1


def test_settling_never_goes_back(thread):
    journal = Journal(RING_S)
    fill(journal, LIMIT + 10)
    journal.settle(10)
    journal.settle(3)
    journal.wait_for_room(never)


def test_a_reader_sees_whole_blocks_while_a_writer_writes(thread):
    """Each block is one value throughout: a torn read would show two."""
    journal, blocks, block = Journal(RING_S), 3000, 160

    def write():
        for number in range(blocks):
            journal.append(np.full(block, number % 30_000, np.int16))
        journal.close()

    writer, number = thread.submit(write), 0
    while journal.next_stretch(number * block, LIMIT):
        number = (journal.end_sample - 1) // block
        try:
            heard = journal.read(number * block, (number + 1) * block)
        except AudioLostError:
            continue  # the writer was a ring ahead between the two calls
        assert set(heard.tolist()) == {number % 30_000}
        number += 1
    writer.result(PATIENCE_S)
    assert journal.end_sample == blocks * block
