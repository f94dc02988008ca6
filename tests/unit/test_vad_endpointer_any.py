"""Whatever the detector says, in whatever sound: what always holds of the decision points."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swictation.config.settings import VadSettings
from swictation.types import (
    FRAME_SAMPLES,
    Frame,
    SilenceConfirmed,
    SilenceNoticed,
    SpeechEnded,
    SpeechResumed,
    SpeechStarted,
    to_samples,
)
from swictation.vad.endpointer import Endpointer

pytestmark = pytest.mark.unit

_LEVELS = [0, 1, 30, 3000, 30_000]
_SOUNDS = {level: np.full(FRAME_SAMPLES, level, np.int16) for level in _LEVELS}

_runs = st.tuples(
    st.sampled_from([0.0, 0.2, 0.34, 0.35, 0.4, 0.5, 0.99]),
    st.integers(1, 40) | st.integers(1, 400),
    st.sampled_from(_LEVELS),
)
_heard = st.lists(_runs, max_size=14)
_settings = st.builds(
    VadSettings,
    hang_over_s=st.sampled_from([0.3, 0.5, 0.8, 3.0]),
    max_utterance_s=st.sampled_from([5.0, 7.0, 20.0]),
    tail_s=st.sampled_from([0.0, 0.2]),
    decode_pre_roll_s=st.sampled_from([0.0, 0.3]),
    min_speech_frames=st.sampled_from([1, 4, 9]),
)
_FOLLOWS = {
    SpeechStarted: (SilenceNoticed, SpeechEnded),
    SilenceNoticed: (SilenceConfirmed, SpeechResumed, SpeechEnded),
    SilenceConfirmed: (SpeechResumed, SpeechEnded),
    SpeechResumed: (SilenceNoticed, SpeechEnded),
    SpeechEnded: (SpeechStarted,),
}


def _frames(runs):
    heard = [(probability, level) for probability, count, level in runs for _ in range(count)]
    return [
        (Frame(number * FRAME_SAMPLES, _SOUNDS[level]), probability)
        for number, (probability, level) in enumerate(heard)
    ]


def _points(runs, vad):
    endpointer, frames = Endpointer(vad), _frames(runs)
    points = [point for frame, p in frames for point in endpointer.feed(frame, p)]
    return points + endpointer.flush(len(frames) * FRAME_SAMPLES)


def _utterances(points):
    starts = [point for point in points if isinstance(point, SpeechStarted)]
    ends = [point for point in points if isinstance(point, SpeechEnded)]
    return list(zip(starts, ends, strict=True))


@given(_heard, _settings)
def test_points_come_in_the_order_of_an_utterance(runs, vad):
    points = _points(runs, vad)
    if points:
        assert isinstance(points[0], SpeechStarted)
        assert isinstance(points[-1], SpeechEnded)
    for one, next_ in pairwise(points):
        assert isinstance(next_, _FOLLOWS[type(one)])
        assert one.at_sample <= next_.at_sample


@given(_heard, _settings)
def test_utterances_are_numbered_in_order_and_their_points_with_them(runs, vad):
    number = -1
    for point in _points(runs, vad):
        number += isinstance(point, SpeechStarted)
        assert point.utterance == number


@given(_heard, _settings)
def test_no_sample_is_decoded_for_two_utterances(runs, vad):
    for (_, ended), (started, _) in pairwise(_utterances(_points(runs, vad))):
        assert ended.last_sample <= started.kept_from_sample <= started.first_sample
        assert started.continues == (ended.reason == "cap")
        if started.continues:
            assert started.first_sample == ended.last_sample


@given(_heard, _settings)
def test_an_utterance_is_longer_than_nothing_and_hardly_longer_than_the_cap(runs, vad):
    cap = to_samples(vad.max_utterance_s + max(1.0, vad.hang_over_s))
    for started, ended in _utterances(_points(runs, vad)):
        assert 0 <= started.kept_from_sample <= started.first_sample
        assert 0 < ended.last_sample - started.first_sample <= cap
        assert ended.last_sample <= ended.at_sample + to_samples(vad.tail_s)


@given(_heard, _settings)
def test_a_cut_leaves_most_of_the_cap_unless_a_pause_was_confirmed(runs, vad):
    started, is_confirmed = None, False
    for point in _points(runs, vad):
        if isinstance(point, SpeechStarted):
            started, is_confirmed = point, False
        is_confirmed |= isinstance(point, SilenceConfirmed)
        if isinstance(point, SpeechEnded) and point.reason == "cap" and not is_confirmed:
            assert point.last_sample - started.first_sample >= to_samples(0.6 * vad.max_utterance_s)


@given(_heard, _settings)
def test_a_cut_never_takes_back_what_a_pause_has_confirmed(runs, vad):
    noticed = confirmed = 0
    for point in _points(runs, vad):
        if isinstance(point, SilenceNoticed):
            noticed = point.last_sample - to_samples(vad.tail_s)
        elif isinstance(point, SilenceConfirmed):
            confirmed = noticed
        elif isinstance(point, SpeechEnded):
            assert point.last_sample >= confirmed


@given(_heard, _settings)
def test_the_end_asks_for_what_the_last_pause_asked_for(runs, vad):
    noticed = None
    for point in _points(runs, vad):
        if isinstance(point, SilenceNoticed):
            noticed = point.last_sample
        elif isinstance(point, SpeechStarted | SpeechResumed):
            noticed = None
        elif isinstance(point, SpeechEnded) and point.reason == "silence":
            assert point.last_sample == noticed


@given(_heard, st.integers(0, 2000), _settings)
def test_the_points_are_a_function_of_the_frames_heard_so_far(runs, count, vad):
    frames = _frames(runs)
    whole, part = Endpointer(vad), Endpointer(vad)
    every = [whole.feed(frame, p) for frame, p in frames]
    assert [part.feed(frame, p) for frame, p in frames[:count]] == every[:count]
