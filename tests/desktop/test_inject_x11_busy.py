"""Pairs of all conditions of busy.py, and a focus that moves while text is typed."""

import random
from concurrent.futures import ThreadPoolExecutor

import pytest

from . import x11
from .busy import Busy, Cell, chosen
from .cells import RUNS, SEED
from .field import KINDS, why_not
from .focusstorm import RATES_HZ, WAYS, Pair

pytestmark = [
    pytest.mark.desktop,
    pytest.mark.skipif(bool(x11.missing()), reason=f"{x11.missing()} is not installed"),
]

AT_ONCE = 5
"""Screens side by side: nearly all of the time is spent waiting."""
FEW = 6
"""Cells without CELLS_RUNS."""


def test_nothing_is_lost_doubled_or_run_where_windows_stop():
    cells = [cell for cell in chosen(SEED) if not why_not(cell.field)]
    if not RUNS:
        cells = random.Random(SEED).sample(cells, min(FEW, len(cells)))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        faults = pool.map(played, (cells[n::AT_ONCE] for n in range(AT_ONCE)))
        wrong = [fault for some in faults for fault in some]
    assert not wrong, f"CELLS_SEED={SEED}: " + "; ".join(wrong)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_goes_astray_and_no_word_is_cut_where_the_focus_moves(kind):
    if reason := why_not(kind):
        pytest.skip(reason)
    dice = random.Random(f"{SEED} {kind}")
    other = dice.choice([each for each in KINDS if each != kind and not why_not(each)])
    pair = Pair(kind, other)
    try:
        for _ in range(4 if RUNS else 1):
            rate_hz, way = dice.choice(RATES_HZ), dice.choice(WAYS)
            fault = pair.run(rate_hz, way, "either", dice.randint(100, 1000))
            assert not fault, f"CELLS_SEED={SEED}, {rate_hz}/s by {way}: {fault}"
    finally:
        pair.close()


def played(cells: list[Cell]) -> list[str]:
    """The faults of these, on a screen of their own."""
    busy = Busy()
    try:
        faults = [(cell, busy.run(cell, SEED)) for cell in sorted(cells, key=str)]
    finally:
        busy.close()
    return [f"{cell}: {fault}" for cell, fault in faults if fault]
