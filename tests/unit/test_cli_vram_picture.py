"""The picture of `vram watch`, as text: what it shows when, at any width, without colours."""

import io

import pytest
from msgspec.structs import replace
from rich.console import Console

from fakes.shown_card import CARD
from swictation.cli.vram.picture import History, picture
from swictation.control.status import STOPPED, Degraded, Status
from swictation.gpu.status import Action, BreakerStatus, DetectorPlace

pytestmark = pytest.mark.unit

WIDTH = 89
"""80 columns beside the labels."""


@pytest.fixture(autouse=True)
def no_surroundings(monkeypatch):
    """What rich looks for, and CI sets, would decide in place of the test."""
    for name in ("NO_COLOR", "FORCE_COLOR", "TERM", "COLORTERM", "COLUMNS", "LINES"):
        monkeypatch.delenv(name, raising=False)


def shown(vram, *, history=None, width=WIDTH, colour=False, **fields):
    """The lines on a terminal of that width."""
    past = history or History()
    if history is None:
        past.add(vram)
    status = Status(**{"state": "listening", "vram": vram, **fields})
    out = io.StringIO()
    system = "standard" if colour else None
    console = Console(
        file=out, width=width, force_terminal=colour, color_system=system, no_color=not colour
    )
    console.print(picture(status, past, width))
    return out.getvalue().splitlines()


def bar(lines):
    return next(line for line in lines if line.startswith("GPU"))[9:]


def words_of(lines):
    """All of it, however it is broken into lines."""
    return " ".join(" ".join(lines).split())


def below(lines, label):
    """The lines that begin with `label`, and what follows without one."""
    first = next(n for n, line in enumerate(lines) if line.startswith(label))
    rest = lines[first + 1 :]
    count = next((n for n, line in enumerate(rest) if line[:8].strip()), len(rest))
    return [line[9:].rstrip() for line in lines[first : first + 1 + count]]


def test_the_bar_is_divided_by_owner_and_as_wide_as_the_terminal():
    assert bar(shown(CARD)) == "▒" * 20 + "█" * 40 + "░" * 20


def test_below_the_bar_stands_where_levels_begin_and_what_the_parts_are():
    thresholds, legend, *_ = below(shown(CARD), "GPU")[1:]
    assert [thresholds.index(mark) for mark in "WCE"] == [64, 70, 76]
    assert legend.startswith("▒ others 1024, █ ours 2048, ░ free 1024 of 4096 MiB")


def test_the_history_tells_levels_by_letters_too_and_what_was_not_read_by_a_dot():
    history = History()
    for level, free_mib in (
        *(("NORMAL", 3500.0), ("WARNING", 700.0), ("CRITICAL", 400.0), ("EMERGENCY", 10.0)),
    ):
        history.add(replace(CARD, level=level, free_mib=free_mib))
    history.add(replace(CARD, trouble="the GPU has fallen off the bus"))
    history.add(None)
    use, marks = below(shown(CARD, history=history), "history")
    assert use == "▂▇▇█··"
    assert marks == " WCE"


def test_the_history_holds_ten_minutes_and_shows_what_fits():
    history = History()
    for number in range(2000):
        history.add(replace(CARD, free_mib=4096.0 if number < 1990 else 0.0))
    assert len(history.last(10_000)) == 600
    use, *_ = below(shown(CARD, history=history), "history")
    assert use == "▁" * 70 + "█" * 10


def test_with_colours_each_level_has_its_own():
    found = {
        level: "".join(shown(replace(CARD, level=level), colour=True))
        for level in ("NORMAL", "WARNING", "CRITICAL")
    }
    assert all(f"\x1b[{code}m{level}" in found[level] for level, code in (
        ("NORMAL", 32), ("WARNING", 33), ("CRITICAL", 31),
    ))  # fmt: skip


@pytest.mark.parametrize("width", [24, 40, 89, 300])
def test_no_line_is_wider_than_the_terminal_and_no_word_is_missing(width):
    banned = BreakerStatus("dead", 3, 3, "3 workers died in ten minutes", is_banned=True)
    vram = replace(
        CARD,
        level="EMERGENCY",
        breaker=banned,
        actions=(Action(3.0, "stop", "the GPU is at EMERGENCY", "EMERGENCY", 1970.0),),
    )
    mode = Degraded("cpu-engine", "the GPU is at EMERGENCY", 2.0)
    lines = shown(vram, width=width, degraded=mode)
    assert max(len(line) for line in lines) <= width
    told = "".join(line[9:].strip() for line in lines).replace(" ", "")
    for words in ("EMERGENCYfor12s", "swictationvramreset", "cpu-engine:", "freed1970MiB"):
        assert words in told


def test_a_detector_that_is_to_move_says_so():
    moving = replace(CARD, vad_placement=DetectorPlace("cpu", "gpu", "the GPU is at WARNING"))
    assert below(shown(moving), "detector") == ["is to move to the CPU"]


def test_idle_it_shows_the_last_reading_with_its_age():
    idle = replace(
        CARD,
        trouble="the GPU was last read 80 s ago",
        need="none",
        worker="absent",
        asr_placement="cpu",
        vad_placement=DetectorPlace("cpu", "cpu", "no worker serves on the GPU"),
        read_ago_s=80.0,
    )
    lines = shown(idle, state="idle")
    assert below(lines, "level") == ["the GPU is not in use"]
    assert bar(lines).startswith("▒")
    assert "(80 s ago: nothing of ours is on it)" in words_of(lines)
    assert below(lines, "history")[0] == "·"


def test_a_driver_that_hangs_under_our_worker_is_told_as_such():
    trouble = "the GPU was last read 7 s ago"
    lines = shown(replace(CARD, trouble=trouble, read_ago_s=7.0))
    assert below(lines, "level") == ["not known"]
    assert f"{trouble} (then NORMAL: others 1024" in words_of(lines)


@pytest.mark.parametrize(
    "trouble", ["the GPU sleeps, and is left asleep", "the GPU has fallen off the bus"]
)
def test_asleep_and_lost_stand_in_place_of_the_bar(trouble):
    gone = dict.fromkeys(("total_mib", "free_mib", "ours_mib", "others_mib", "thresholds_mib"))
    lines = shown(replace(CARD, trouble=trouble, need="awaited", **gone))
    assert bar(lines).rstrip() == trouble


def test_what_the_driver_does_not_tell_is_left_out():
    lines = shown(replace(CARD, ours_mib=None, others_mib=None))
    assert bar(lines) == "▒" * 60 + "░" * 20
    assert "ours" not in " ".join(lines)


def test_without_a_daemon_or_a_card_it_says_so():
    out = io.StringIO()
    Console(file=out, width=80).print(picture(STOPPED, History(), 80))
    assert out.getvalue() == "swictation is not running\n"
    assert "no engine is set to compute on a GPU" in shown(None)[0]
