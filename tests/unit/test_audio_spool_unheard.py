"""Sound that nobody hears for now is on disk, and given to the utterances found in it later."""

import wave

import numpy as np
import pytest

from fakes.signals import eventually, numbered
from fakes.spooled import Spooled
from swictation.types import to_samples

pytestmark = pytest.mark.unit

SECOND = to_samples(1.0)


@pytest.fixture
def one(tmp_path):
    one = Spooled(tmp_path, max_minutes=1.0, ring_s=4.0)
    yield one
    one.close()


def keep(one, first_sample=0):
    one.spool.keep_unheard(first_sample)


def capture(one, seconds):
    """Slowly enough for the disk."""
    for _ in range(seconds):
        one.capture(SECOND)
        last = min(one.journal.end_sample, 60 * SECOND)
        assert eventually(lambda last=last: one.spool.read_back(last - SECOND, last) is not None)


def test_what_left_the_ring_is_read_back_wherever_it_begins(one):
    keep(one)
    capture(one, 10)
    for first, last in [(0, SECOND), (SECOND + 7, 9 * SECOND)]:
        assert np.array_equal(one.journal.read(first, last), numbered(first, last))


def test_an_utterance_found_in_it_gets_its_sound_before_it_goes(one):
    """In one round of the spool thread or in two: it is not told which."""
    keep(one)
    capture(one, 10)
    one.spool.begin(3, SECOND)
    one.spool.end(3, 3 * SECOND)
    one.spool.settle_unheard()
    assert eventually(lambda: one.finished(3))
    assert eventually(lambda: one.files() == ["000-000003.wav"])
    with wave.open(str(one.sound(3))) as file:
        sound = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    assert np.array_equal(sound, numbered(SECOND, 3 * SECOND))


def test_an_utterance_that_was_open_when_hearing_ended_is_read_in_one_piece(one):
    one.spool.begin(0, 0)
    capture(one, 2)
    keep(one)
    capture(one, 8)
    one.spool.end(0, 2 * SECOND)
    assert eventually(lambda: one.finished(0))
    one.spool.begin(1, 2 * SECOND)
    one.spool.end(1, 6 * SECOND)
    heard = one.journal.read(SECOND, 5 * SECOND)
    assert np.array_equal(heard[:SECOND], numbered(SECOND, 2 * SECOND))


def test_to_keep_it_twice_keeps_it_once_and_after_it_was_heard_anew(one):
    keep(one)
    capture(one, 2)
    keep(one, SECOND)
    assert one.files() == ["000-unheard-1.wav"]
    one.spool.settle_unheard()
    keep(one, 2 * SECOND)
    capture(one, 2)
    assert eventually(lambda: one.files() == ["000-unheard-2.wav"])


def test_it_does_not_grow_for_ever(one):
    keep(one)
    capture(one, 62)
    one.capture(SECOND)
    path = one.folder.path / "000-unheard-1.wav"
    assert eventually(lambda: path.stat().st_size == 44 + 60 * 2 * SECOND)
    assert one.spool.read_back(59 * SECOND, 61 * SECOND) is None
    assert one.problems == []


def test_what_was_never_heard_stays_when_the_program_ends(one):
    keep(one)
    capture(one, 3)
    one.spool.stop()
    with wave.open(str(one.folder.path / "000-unheard-1.wav")) as file:
        assert file.getnframes() == 3 * SECOND
