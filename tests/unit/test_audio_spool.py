import os
import stat
import wave

import numpy as np
import pytest

from fakes.signals import eventually, numbered
from fakes.spooled import SpoolTold, secured
from patience import PATIENCE_S
from swictation.audio.journal import Journal
from swictation.audio.spool import Spool
from swictation.types import SAMPLE_RATE_HZ, to_samples

pytestmark = pytest.mark.unit

SECOND = SAMPLE_RATE_HZ
MINUTES_S = 1 / 60


def test_sound_is_on_disk_at_most_half_a_second_after_it_was_captured(spooled, monkeypatch):
    """By how long the thread means to wait: how long that takes is the machine's affair."""
    one, pauses_s = spooled(), []
    wait = one.spool._changed.wait

    def noted(pause_s):
        pauses_s.append(pause_s)
        return wait(pause_s)

    monkeypatch.setattr(one.spool._changed, "wait", noted)
    one.spool.begin(0, 0)
    for seconds in range(1, 5):
        one.capture(SECOND)
        size = 44 + 2 * seconds * SECOND
        assert eventually(
            lambda size=size: one.sound().exists() and one.sound().stat().st_size >= size
        )
    assert pauses_s
    assert max(pauses_s) <= 0.5


def test_only_the_owner_may_read_it(spooled):
    one = spooled()
    one.utterance(0)
    one.spool.note(0, "intent", n=1, text="secret").result(PATIENCE_S)
    assert stat.S_IMODE(one.folder.path.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in one.folder.path.iterdir()} == {0o600}


def test_a_finished_utterance_is_a_sound_file_like_any_other(spooled):
    one = spooled()
    first = one.utterance(0, 1.3)
    with wave.open(str(one.sound())) as file:
        shape = (file.getnchannels(), file.getsampwidth(), file.getframerate(), file.getnframes())
        assert shape == (1, 2, SAMPLE_RATE_HZ, to_samples(1.3))
        heard = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    assert (heard == numbered(first, first + to_samples(1.3))).all()


def test_what_is_still_growing_can_be_read_too(spooled):
    one = spooled()
    one.spool.begin(0, 0)
    one.capture(SECOND)
    assert eventually(lambda: one.sound().exists() and one.sound().stat().st_size > 2 * SECOND)
    with wave.open(str(one.sound())) as file:
        heard = np.frombuffer(file.readframes(SECOND), np.int16)
    assert (heard == numbered(0, SECOND)).all()


def test_an_end_that_is_told_while_the_beginning_is_written_cuts_nothing_off(tmp_path):
    folder = secured(tmp_path / "spool")
    spool = Spool(folder, 0, 60.0, SpoolTold().post)

    class Growing(Journal):
        def read(self, first_sample, last_sample):
            if first_sample == 0:
                self.append(numbered(SECOND, 2 * SECOND))
                spool.end(0, 2 * SECOND)
            return super().read(first_sample, last_sample)

    journal = Growing(120.0)
    journal.append(numbered(0, SECOND))
    spool.begin(0, 0)
    spool.start(journal, lambda: journal.end_sample)
    spool.note(0, "told").result(PATIENCE_S)
    assert eventually(lambda: spool.read_back(SECOND, 2 * SECOND) is not None)
    spool.stop()
    folder.close()
    with wave.open(str(folder.path / "000-000000.wav")) as file:
        heard = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    assert (heard == numbered(0, 2 * SECOND)).all()


def test_an_utterance_starts_where_it_is_said_to(spooled):
    one = spooled()
    one.capture(5 * SECOND)
    one.spool.begin(0, 4 * SECOND)
    one.spool.end(0, 5 * SECOND)
    assert eventually(one.finished)
    assert one.sound().stat().st_size == 44 + 2 * SECOND


def test_lines_are_written_in_the_order_in_which_they_were_noted(spooled):
    one = spooled()
    one.spool.begin(0, 0)
    for n in range(1, 40):
        intent = one.spool.note(0, "intent", n=n, text=f" wörd {n}")
        done = one.spool.note(0, "done", n=n, outcome="typed")
    done.result(PATIENCE_S)
    assert intent.done()
    expected = [{"intent": {"n": n, "text": f" wörd {n}"}} for n in range(1, 40)]
    assert [line for line in one.lines() if "intent" in line] == expected
    assert [next(iter(line)) for line in one.lines()] == ["intent", "done"] * 39


def test_a_noted_line_is_on_disk_when_its_future_is_done(spooled):
    one = spooled()
    one.spool.begin(0, 0)
    one.spool.note(0, "intent", n=1, text="x").result(PATIENCE_S)
    assert one.lines() == [{"intent": {"n": 1, "text": "x"}}]


def test_a_settled_utterance_leaves_nothing(spooled):
    one = spooled()
    one.utterance(0)
    one.utterance(1)
    one.spool.note(0, "intent", n=1, text="x").result(PATIENCE_S)
    one.spool.settle(0)
    assert eventually(lambda: one.files() == ["000-000001.wav"])
    one.spool.settle(1)
    assert eventually(lambda: one.files() == [])


def test_the_note_on_a_settled_utterance_is_done_at_once(spooled):
    one = spooled()
    one.utterance(0)
    one.spool.settle(0)
    one.spool.note(0, "done", n=1, outcome="typed").result(PATIENCE_S)
    assert eventually(lambda: one.files() == [])


def test_what_is_read_back_equals_what_was_captured(spooled):
    one = spooled(ring_s=1.0)
    first = one.utterance(0, 0.9)
    one.capture(3 * SECOND)
    heard = one.journal.read(first + 100, first + 10_000)
    assert (heard == numbered(first + 100, first + 10_000)).all()


def test_two_utterances_that_overlap_are_each_read_from_their_own_file(spooled):
    """A file goes on until the end is known, by when the next utterance has begun."""
    one = spooled(ring_s=1.0)
    one.spool.begin(0, 0)
    one.capture(SECOND)
    assert eventually(lambda: one.sound().exists() and one.sound().stat().st_size > 2 * SECOND)
    one.spool.end(0, 12_000)  # a cut: what lies behind belongs to the next one
    one.spool.begin(1, 12_000)
    one.capture(SECOND // 2)
    one.spool.end(1, 20_000)
    assert eventually(lambda: one.finished(0) and one.finished(1))
    one.capture(4 * SECOND)
    assert (one.journal.read(12_500, 20_000) == numbered(12_500, 20_000)).all()
    assert (one.journal.read(0, 12_000) == numbered(0, 12_000)).all()


def test_nothing_is_made_up_for_what_is_not_written_yet(spooled):
    one = spooled()
    one.spool.begin(0, 0)
    one.capture(SECOND)
    assert eventually(lambda: one.spool.read_back(0, SECOND) is not None)
    assert one.spool.read_back(0, SECOND + 1) is None
    assert one.spool.read_back(2 * SECOND, 3 * SECOND) is None


def test_above_its_limit_the_oldest_finished_utterance_goes_first(spooled):
    one = spooled(max_minutes=2.5 * MINUTES_S)
    for number in range(4):
        one.utterance(number, 1.0)
    assert eventually(lambda: one.files() == ["000-000002.wav", "000-000003.wav"])
    assert one.spool.read_back(0, 100) is None
    assert one.problems == []


def test_what_was_dropped_can_still_be_noted_and_settled(spooled):
    one = spooled(max_minutes=1.5 * MINUTES_S)
    for number in range(2):
        one.utterance(number, 1.0)
    assert eventually(lambda: one.files() == ["000-000001.wav"])
    one.spool.note(0, "done", n=1, outcome="typed").result(PATIENCE_S)
    one.spool.settle(0)
    one.spool.settle(1)
    assert eventually(lambda: one.files() == [])


@pytest.fixture
def synced(monkeypatch):
    """The names of what was synced, in order."""
    names, really = [], os.fdatasync

    def note(number):
        names.append(os.path.basename(os.readlink(f"/proc/self/fd/{number}")))
        really(number)

    monkeypatch.setattr("os.fdatasync", note)
    return names


def test_sound_that_grows_is_synced_again_and_again_and_at_its_end(spooled, synced):
    """A power cut may cost two seconds of it."""
    one = spooled()
    one.spool.begin(0, 0)
    for _ in range(40):
        one.capture(SECOND // 10)
        seen = one.journal.end_sample
        assert eventually(lambda seen=seen: one.spool.span(0)[1] >= seen)
    growing = synced.count("000-000000.wav")
    assert growing >= 2
    one.spool.end(0, one.journal.end_sample)
    assert eventually(one.finished)
    assert eventually(lambda: synced.count("000-000000.wav") > growing)


def test_what_is_settled_before_its_turn_costs_no_sync(spooled, synced):
    one = spooled()
    before = len(synced)
    one.spool.begin(0, 0)
    one.spool.settle(0)
    assert eventually(lambda: one.spool.span(0) == (0, 0))
    assert "000-000000.wav" not in synced[before:]


def test_an_interrupted_utterance_stays_and_can_be_played(spooled):
    one = spooled()
    one.spool.begin(0, 0)
    one.capture(SECOND)
    one.spool.stop()
    assert one.finished()
    assert one.sound().stat().st_size == 44 + 2 * SECOND
