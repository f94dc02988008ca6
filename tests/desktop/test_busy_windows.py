"""Dictation into windows that stand still for seconds: each word is in the window or held."""

import pytest

from desktop import busy_daemon
from desktop.busy_daemon import BusyDesk, Cell, spooled
from desktop.cells import RUNS, SEED
from desktop.field import why_not

pytestmark = [
    pytest.mark.desktop,
    pytest.mark.skipif(
        bool(busy_daemon.missing()), reason=f"{busy_daemon.missing() or '-'} is missing"
    ),
]

UNTIL_HELD_S = "20"
"""Longer than what follows waits."""


def ending(cell, tmp_path):
    if reason := why_not(cell.field):
        pytest.skip(reason)
    with BusyDesk(tmp_path, cell.field) as busy:
        end = busy.run(cell)
    assert end.faults == [], f"{end}"
    return end


@pytest.mark.parametrize("cell", busy_daemon.chosen(SEED, RUNS), ids=str)
def test_each_word_is_in_the_window_or_held(cell, tmp_path):
    ending(cell, tmp_path)


@pytest.mark.skipif(not RUNS, reason="make test-desktop")
@pytest.mark.parametrize("kind", ["tk", "gtk3"])  # xterm is typed into, and answers nothing
def test_what_waits_too_long_is_held(kind, tmp_path):
    assert ending(Cell(kind, "speech", UNTIL_HELD_S), tmp_path).held


@pytest.mark.parametrize("kind", busy_daemon.TAKES_NOTHING)
def test_a_window_that_takes_nothing_swallows_nothing(kind, tmp_path):
    end = ending(Cell(kind, "speech", "1"), tmp_path)
    assert end.held
    assert sorted(end.pasted.split()) == sorted(end.composed.split())


@pytest.fixture
def busy(tmp_path):
    """A window that takes text by pasting alone, and stands still under the first one."""
    if reason := why_not("tk") or why_not("gtk3"):
        pytest.skip(reason)
    with BusyDesk(tmp_path, "tk") as busy:
        yield busy


def stopped(busy, moment="speech"):
    """Dictate with the window stopped for good; what is held then."""
    with busy.spoken(1.0) as player:
        busy.stop_field(moment)
        player.wait()
    busy.daemon.tell("stop")
    busy.daemon.wait_idle()
    return busy.daemon.status()["held"]


def test_paste_last_takes_it_back_and_types_all_of_it_into_the_window_that_works(busy):
    held = stopped(busy)
    assert held["pending"] == 1
    assert "has not taken" in held["reason"]
    said = [word for event in busy.daemon.events("commit") for word in event["text"].split()]
    assert busy.paste_elsewhere().split() == said
    busy.field.thaw()
    assert busy.field.settles_on("?", 1.5) == ""
    assert busy.daemon.status()["held"] == {"texts": 0, "reason": "", "pending": 0}


def test_paste_last_into_the_stopped_window_types_nothing_and_says_what_to_do(busy):
    stopped(busy)
    refused = busy.daemon.swictation("paste-last")
    assert refused.returncode == 1
    assert "has not taken a text yet" in refused.stderr
    assert "swictation paste-last" in refused.stderr
    busy.field.thaw()
    end = busy.end()
    assert end.faults == [], f"{end}"
    assert end.field
    assert end.pasted


def test_what_was_cancelled_does_not_come_when_the_window_works_again(busy):
    stopped(busy)
    busy.daemon.tell("cancel")
    busy.field.thaw()
    assert busy.field.settles_on("?", 1.5) == ""
    before = busy.daemon.committed
    with busy.spoken(1.0) as player:
        player.wait()
    busy.daemon.tell("stop")
    busy.daemon.wait_idle()
    later = busy.daemon.committed.removeprefix(before)
    assert busy.field.settles_on(later.strip()).split() == later.split()


def test_the_end_does_not_wait_for_the_window_and_keeps_the_sound(busy):
    held = stopped(busy)
    assert busy.daemon.end() == 0
    assert spooled()
    assert f"{held['texts']} held texts were not typed" in busy.daemon.log_file.read_text()
    busy.field.thaw()
    assert busy.old.strip() not in busy.field.settles_on("?", 1.5)
