"""What the spool tells by itself: sound set aside that is gone, and what ended its thread."""

import os
from pathlib import Path

import pytest

from fakes.signals import eventually
from patience import PATIENCE_S

pytestmark = pytest.mark.unit


def test_what_the_user_has_taken_is_told_once_and_not_written_again(spooled):
    one = spooled()
    one.utterance(0)
    one.utterance(1)
    assert one.spool.quarantine(0) == one.sound(0)
    one.sound(0).unlink()
    one.spool.note(1, "look").result(PATIENCE_S)
    assert eventually(lambda: one.gone == [0])
    one.spool.note(1, "look again").result(PATIENCE_S)
    one.utterance(2)
    assert (one.gone, one.sound(0).exists()) == ([0], False)
    assert one.spool.quarantine(0) is None
    assert not one.problems


def test_it_is_noticed_where_nothing_else_happens(spooled):
    one = spooled()
    one.utterance(0)
    one.spool.quarantine(0)
    one.sound(0).unlink()
    assert eventually(lambda: one.gone == [0])


def test_what_is_not_set_aside_is_written_again(spooled):
    one = spooled()
    one.utterance(0)
    one.sound(0).unlink()
    one.spool.note(0, "look").result(PATIENCE_S)
    assert eventually(lambda: one.finished(0))
    assert not one.gone


def test_what_had_to_go_is_told(spooled):
    one = spooled(max_minutes=0.5 / 60)
    one.spool.begin(0, 0)
    one.capture(16_000)
    one.spool.quarantine(0)
    one.spool.end(0, 16_000)
    assert eventually(lambda: one.gone == [0])


def test_a_disk_that_does_not_answer_tells_nothing_of_it(spooled, monkeypatch):
    one = spooled()
    one.utterance(0)
    one.spool.quarantine(0)
    real = os.lstat

    def refuse(self):
        if self.suffix == ".wav":
            raise OSError(5, "Input/output error")
        return real(self)

    monkeypatch.setattr(Path, "lstat", refuse)
    monkeypatch.setattr(Path, "stat", refuse)
    one.spool.note(0, "look").result(PATIENCE_S)
    assert eventually(lambda: bool(one.problems))
    monkeypatch.undo()
    assert not one.gone


def test_a_bug_is_told_and_nobody_waits_for_it(spooled, monkeypatch):
    one = spooled()
    one.utterance(0)
    monkeypatch.setattr(one.spool, "_bound", lambda: 1 / 0)
    one.spool.note(0, "look").result(PATIENCE_S)
    assert eventually(lambda: one.failures == ["ZeroDivisionError"])
    one.spool.note(0, "later").result(PATIENCE_S)
