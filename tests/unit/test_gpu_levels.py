"""The ladder: where levels begin and end, and that they neither flap nor tarry."""

import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swictation.config.settings import VramSettings
from swictation.gpu.policy.levels import Level, LevelState, Limits, decide
from swictation.types import VramSnapshot

pytestmark = pytest.mark.unit

SMALL_MIB, BIG_MIB = 4096.0, 24576.0
SMALL = Limits.of(VramSettings(), SMALL_MIB)
BIG = Limits.of(VramSettings(), BIG_MIB)


def climb(readings, limits=SMALL, total_mib=SMALL_MIB):
    """The level after each of `(at_s, used fraction)`."""
    ladder, levels = LevelState(), []
    for at_s, used in readings:
        snapshot = VramSnapshot(at_s, total_mib, total_mib * (1.0 - used), 0.0)
        ladder = decide(ladder, snapshot, limits)
        levels.append(ladder.level)
    return levels


def test_a_level_begins_after_a_second_above_its_threshold():
    assert climb([(0, 0.81), (0.9, 0.81), (1.0, 0.81)])[-2:] == [Level.NORMAL, Level.WARNING]
    assert climb([(0, 0.88), (1.0, 0.88)])[-1] == Level.CRITICAL


def test_one_reading_below_starts_the_second_anew():
    assert climb([(0, 0.81), (0.5, 0.79), (1.0, 0.81), (1.9, 0.81)])[-1] == Level.NORMAL


def test_emergency_begins_at_once_from_any_level():
    assert climb([(0, 0.96)]) == [Level.EMERGENCY]
    assert climb([(0, 0.81), (1, 0.81), (1.1, 0.951)])[-1] == Level.EMERGENCY


def test_a_level_ends_only_below_its_gap_and_after_its_dwell():
    begin = [(0, 0.85), (1, 0.85)]
    assert climb([*begin, (2, 0.76), (62, 0.76)])[-1] == Level.WARNING
    quiet = [(at_s, 0.74) for at_s in range(2, 33)]
    assert climb([*begin, *quiet[:-1]])[-1] == Level.WARNING
    assert climb([*begin, *quiet])[-1] == Level.NORMAL


def test_what_is_left_is_the_highest_of_the_levels_that_were_seen_meanwhile():
    falls = [(at_s, 0.81 if at_s == 10 else 0.5) for at_s in range(1, 32)]
    assert climb([(0, 0.96), *falls])[-1] == Level.WARNING


def test_what_is_entered_is_the_lowest_of_the_levels_that_were_seen_meanwhile():
    assert climb([(0, 0.90), (0.5, 0.81), (1.0, 0.90)])[-1] == Level.WARNING


def test_readings_far_apart_say_nothing_of_the_time_between_them():
    assert climb([(0, 0.85), (25, 0.85)])[-1] == Level.NORMAL
    assert climb([(0, 0.85), (20, 0.85)])[-1] == Level.WARNING


def test_a_reading_of_the_past_changes_nothing():
    snapshot = VramSnapshot(10.0, SMALL_MIB, 3000.0, 0.0)
    ladder = decide(LevelState(), snapshot, SMALL)
    late = VramSnapshot(9.0, SMALL_MIB, 10.0, 0.0)
    assert decide(ladder, late, SMALL) is ladder


def test_on_a_small_card_the_fractions_decide():
    assert SMALL.enter_below_mib == pytest.approx((819.2, 512.0, 204.8))
    assert SMALL.leave_above_mib == pytest.approx((1024.0, 716.8, 409.6))


def test_on_a_big_card_the_ceilings_decide():
    assert BIG.enter_below_mib == (2048.0, 1024.0, 512.0)
    levels = climb([(at_s, 0.914) for at_s in range(5)], BIG, BIG_MIB)
    assert levels[-1] == Level.NORMAL  # 2113 MiB are free
    assert climb([(0, 0.93), (1, 0.93)], BIG, BIG_MIB)[-1] == Level.WARNING
    assert climb([(0, 0.97), (1, 0.97)], BIG, BIG_MIB)[-1] == Level.CRITICAL
    assert climb([(0, 0.98)], BIG, BIG_MIB)[-1] == Level.EMERGENCY


USED = st.floats(0.0, 1.0)
STEPS = st.lists(st.tuples(st.floats(0.0, 40.0), USED), max_size=80)


def walk(steps, limits, total_mib):
    """Ladders before and after, and snapshots, along steps of (seconds, used fraction)."""
    ladder, at_s = LevelState(), 0.0
    for step_s, used in steps:
        at_s += step_s
        snapshot = VramSnapshot(at_s, total_mib, total_mib * (1.0 - used), 0.0)
        before = ladder
        ladder = decide(ladder, snapshot, limits)
        yield before, ladder, snapshot


@given(STEPS, st.sampled_from([SMALL_MIB, BIG_MIB, 512.0, 81920.0]))
@settings(max_examples=300)
def test_emergency_is_never_late_and_never_without_cause(steps, total_mib):
    limits = Limits.of(VramSettings(), total_mib)
    for before, after, snapshot in walk(steps, limits, total_mib):
        is_full = snapshot.free_mib <= limits.enter_below_mib[2]
        assert not is_full or after.level == Level.EMERGENCY
        if before.level < after.level == Level.EMERGENCY:
            assert is_full


@given(STEPS)
@settings(max_examples=300)
def test_between_two_changes_there_is_a_dwell_unless_it_is_an_emergency(steps):
    last_s, last_up = None, None
    for before, after, snapshot in walk(steps, SMALL, SMALL_MIB):
        if after.level == before.level:
            continue
        is_up = after.level > before.level
        if last_s is not None and after.level != Level.EMERGENCY:
            # Turning round takes a whole dwell.
            least_s = SMALL.dwell_up_s if is_up else SMALL.dwell_down_s
            assert is_up == last_up or snapshot.at_s - last_s >= least_s
        last_s, last_up = snapshot.at_s, is_up


@given(STEPS)
def test_no_level_ends_within_its_gap(steps):
    for before, after, snapshot in walk(steps, SMALL, SMALL_MIB):
        for level in range(after.level, before.level):
            assert snapshot.free_mib > SMALL.leave_above_mib[level]


@given(STEPS, USED)
def test_what_stays_the_same_leads_to_one_level_and_stays_there(steps, used):
    ladder = [LevelState(), *(after for _, after, _ in walk(steps, SMALL, SMALL_MIB))][-1]
    at_s, levels = ladder.read_s if steps else 0.0, []
    for second in range(1, 130):
        snapshot = VramSnapshot(at_s + second, SMALL_MIB, SMALL_MIB * (1.0 - used), 0.0)
        ladder = decide(ladder, snapshot, SMALL)
        levels.append(ladder.level)
    assert len(set(levels[-60:])) == 1
    assert sum(a != b for a, b in pairwise(levels)) <= 2


@pytest.mark.parametrize("threshold", [0.80, 0.875, 0.95])
def test_a_day_of_breathing_round_a_threshold_changes_levels_four_times_at_most(threshold):
    rng, base, changes, ladder = random.Random(3), threshold, 0, LevelState()
    for second in range(86400):
        base += rng.gauss(0, 0.0004) + (threshold + 0.005 - base) * 0.0005
        used = min(1.0, max(0.0, base + rng.gauss(0, 0.012)))
        snapshot = VramSnapshot(float(second), SMALL_MIB, SMALL_MIB * (1.0 - used), 0.0)
        was, ladder = ladder.level, decide(ladder, snapshot, SMALL)
        changes += ladder.level != was
    assert changes <= 4
