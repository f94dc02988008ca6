"""Whatever befalls the GPU or its worker, at any moment: nothing lost, doubled or out of order."""

import asyncio

import pytest

from fakes.scripted_engine import program
from faults.cell import run_cell
from faults.plan import CELLS, MOMENTS

pytestmark = pytest.mark.process


DIAGONAL = CELLS[:: len(MOMENTS) + 1]
"""Each moment, with one fault or another, which nearly all occur: for a quick look."""


@pytest.mark.parametrize(
    "cell",
    [pytest.param(cell, marks=() if cell in DIAGONAL else pytest.mark.slow) for cell in CELLS],
    ids=str,
)
def test_a_fault_costs_time_and_no_word(cell, card, tmp_path, spool, monkeypatch):
    for name, value in {**card.env(), "PYTHONPATH": str(program.HERE)}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.syspath_prepend(program.HERE)
    result = asyncio.run(run_cell(cell, tmp_path, card))
    assert result.commits
    assert "".join(result.commits).strip() == result.scene.text
    assert result.is_whole
    assert not list(spool.rglob("*"))
