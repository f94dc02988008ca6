"""Cutting a sound into pieces, at its quietest places."""

import itertools

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from swictation.types import DecodeRequest, Hypothesis, to_samples
from swictation.worker.child import splitting

pytestmark = pytest.mark.unit


def lengths(cuts):
    return [piece.stop - piece.start for piece in cuts]


def noise(samples):
    return np.random.default_rng(1).standard_normal(samples).astype(np.float32)


@example(total=2, longest=1)
@given(total=st.integers(0, 5000), longest=st.integers(0, 6000))
def test_pieces_cover_all_in_order_and_none_is_too_long(total, longest):
    cuts = splitting.cut(noise(total), longest)
    assert cuts[0].start == 0
    assert cuts[-1].stop == total
    assert all(one.stop == after.start for one, after in itertools.pairwise(cuts))
    if longest:
        assert max(lengths(cuts)) <= longest
        assert len(cuts) <= max(1, -(-total * 5 // (longest * 4)))
    else:
        assert len(cuts) == 1
    if total > 1:
        assert min(lengths(cuts)) > 0


@given(st.integers(8, 5000))
def test_halves_are_two_and_neither_is_tiny(total):
    cuts = splitting.halves(noise(total))
    assert len(cuts) == 2
    assert min(lengths(cuts)) >= total // 4


@pytest.mark.parametrize("pause_s", [8.0, 9.3, 11.9])
def test_the_cut_is_in_the_pause(pause_s):
    waveform = noise(to_samples(20.0))
    pause = slice(to_samples(pause_s), to_samples(pause_s + 0.3))
    waveform[pause] *= 0.01
    first, _ = splitting.halves(waveform)
    assert pause.start < first.stop < pause.stop


def test_only_the_first_piece_continues_text():
    request = DecodeRequest(7, 3, 1000, 3000, " Forced", partial=True)
    one, other = (splitting.part(request, piece) for piece in (slice(0, 900), slice(900, 2000)))
    assert one == DecodeRequest(7, 3, 1000, 1900, " Forced", partial=True)
    assert other == DecodeRequest(7, 3, 1900, 3000, "", partial=True)


def test_the_answers_are_joined():
    one = Hypothesis(" One", True, "", -0.1, 0.2, 1, 1.0, 2.0)
    noise = Hypothesis("", False, "noise", -0.9, 0.8, 2, 0.5, 1.0)
    assert splitting.joined([one]) is one
    assert splitting.joined([one, noise]) == Hypothesis(" One", False, "", -0.9, 0.2, 3, 1.5, 3.0)
    assert splitting.joined([noise, noise]).dropped == "noise"
