"""The focus moves while a text is sent under sway: no word is cut, one at most goes astray."""

import asyncio

import pytest

from desktop import cells, focus_wayland
from desktop import field as fields
from desktop import sway as compositor
from desktop.sway import Sway
from desktop.wayland_stage import Plugged

pytestmark = [
    pytest.mark.desktop,
    pytest.mark.skipif(bool(compositor.missing()), reason=compositor.missing()),
]


def test_one_word_at_most_goes_astray_and_none_is_cut_lost_or_twice() -> None:
    for kind in {kind for pair in focus_wayland.PAIRS for kind in pair}:
        if reason := fields.why_not(kind):
            pytest.skip(reason)
    told: list[str] = []
    trials = 30 if cells.RUNS else 10
    with Plugged(Sway()) as sway:
        faults, seen = asyncio.run(focus_wayland.storm(sway, trials, cells.SEED, told.append))
    assert faults == 0, told
    assert seen["trials"] >= trials
