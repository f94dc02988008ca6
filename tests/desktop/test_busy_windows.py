"""Dictation into windows that stand still for seconds: each word is in the window or held."""

import pytest

from desktop import busy_daemon
from desktop.busy_daemon import BusyDesk, Cell
from desktop.cells import RUNS, SEED
from desktop.field import why_not

pytestmark = [
    pytest.mark.desktop,
    pytest.mark.timeout(300),
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
@pytest.mark.parametrize("kind", ["tk", "xterm", "gtk3"])
def test_what_waits_too_long_is_held(kind, tmp_path):
    assert ending(Cell(kind, "speech", UNTIL_HELD_S), tmp_path).held


@pytest.mark.parametrize("kind", busy_daemon.TAKES_NOTHING)
def test_a_window_that_takes_nothing_swallows_nothing(kind, tmp_path):
    end = ending(Cell(kind, "speech", "1"), tmp_path)
    assert end.held
    assert sorted(end.pasted.split()) == sorted(end.composed.split())
