"""What a unit of work is expected to take."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swictation.gpu.policy.admission import FLOOR_MIB, Admission

pytestmark = pytest.mark.unit

seconds = st.floats(0.0, 60.0)
points = st.lists(st.tuples(seconds, st.floats(0.0, 8192.0)), max_size=100)


def learnt(units, prior_mib=200.0, prior_mib_per_s=4.0):
    admission = Admission(prior_mib, prior_mib_per_s)
    for audio_s, peak_mib in units:
        admission.observe(audio_s, peak_mib)
    return admission


def test_the_prior_stands_until_ten_units_were_seen():
    admission = learnt([(5.0, 100.0)] * 9)
    assert admission.predict_mib(10.0) == 200.0 + 40.0 + FLOOR_MIB
    admission.observe(5.0, 100.0)
    assert admission.predict_mib(5.0) == 100.0 + FLOOR_MIB


def test_what_exceeds_the_prior_counts_at_once():
    admission = learnt([(10.0, 340.0)])
    assert admission.predict_mib(10.0) == 340.0 + FLOOR_MIB


def test_it_finds_the_line_and_is_not_uselessly_loose():
    rng = random.Random(1)
    missed = 0
    admission = Admission(200.0, 4.0)
    for number in range(3000):
        audio_s = rng.uniform(1.0, 30.0)
        peak_mib = 150.0 + 9.0 * audio_s + rng.gauss(0.0, 5.0)
        missed += number >= 50 and peak_mib > admission.predict_mib(audio_s)
        admission.observe(audio_s, peak_mib)
    assert missed < 30
    assert admission.predict_mib(20.0) < 1.15 * (150.0 + 9.0 * 20.0)


def test_units_of_one_length_say_nothing_about_longer_ones():
    admission = learnt([(5.0, 100.0 + n % 2) for n in range(20)])
    assert admission.predict_mib(30.0) >= 100.0 + 4.0 * 25.0


def test_old_units_are_forgotten():
    admission = learnt([(5.0, 900.0)] * 64 + [(5.0, 100.0)] * 64)
    assert admission.predict_mib(5.0) == 100.0 + FLOOR_MIB


@pytest.mark.parametrize("bad", [math.nan, math.inf, -1.0])
def test_figures_that_cannot_be_are_not_believed(bad):
    admission = learnt([(bad, 100.0), (5.0, bad)] * 20)
    assert admission.predict_mib(5.0) == 200.0 + 20.0 + FLOOR_MIB


@given(points, seconds, seconds)
def test_a_longer_unit_never_needs_less(units, one, other):
    admission = learnt(units)
    shorter, longer = sorted((one, other))
    assert admission.predict_mib(shorter) <= admission.predict_mib(longer) + 1e-6


@given(points)
def test_all_that_is_remembered_would_have_been_covered(units):
    admission = learnt(units)
    for audio_s, peak_mib in units[-64:]:
        assert admission.predict_mib(audio_s) >= peak_mib + FLOOR_MIB - 1e-3


@given(points, st.floats(0.0, 24576.0))
def test_the_longest_that_fits_does_fit_and_no_longer_one(units, room_mib):
    admission = learnt(units)
    longest_s = admission.max_seconds(room_mib)
    if longest_s == math.inf:
        assert admission.predict_mib(1e6) <= room_mib + 1.0
    elif longest_s > 0.0:
        assert admission.predict_mib(longest_s) == pytest.approx(room_mib, rel=1e-6, abs=1e-3)
    else:
        assert admission.predict_mib(0.0) >= room_mib - 1e-3


def test_of_another_model_only_its_own_prior_counts():
    admission = Admission(10.0, 12.0)
    for seconds in range(1, 21):
        admission.observe(seconds, 100.0)
    admission.expect(40.0, 0.0)
    assert admission.predict_mib(20.0) == 40.0 + FLOOR_MIB
    assert admission.max_seconds(40.0 + FLOOR_MIB) == math.inf
