import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.signals import numbered
from swictation.audio.framer import Framer
from swictation.types import FRAME_SAMPLES

pytestmark = pytest.mark.unit


def test_no_frame_comes_before_it_is_full():
    framer = Framer()
    assert framer.feed(numbered(0, FRAME_SAMPLES - 1)) == []
    (frame,) = framer.feed(numbered(FRAME_SAMPLES - 1, FRAME_SAMPLES))
    assert (frame.first_sample, frame.end_sample) == (0, FRAME_SAMPLES)
    assert (frame.samples == numbered(0, FRAME_SAMPLES)).all()


def test_a_long_block_gives_many_frames():
    frames = Framer().feed(numbered(0, 10 * FRAME_SAMPLES + 7))
    assert [frame.first_sample for frame in frames] == [n * FRAME_SAMPLES for n in range(10)]


def test_a_flush_pads_the_rest_with_zeros():
    framer = Framer()
    framer.feed(numbered(0, FRAME_SAMPLES + 3))
    (frame,) = framer.flush()
    assert frame.first_sample == FRAME_SAMPLES
    assert (frame.samples[:3] == numbered(FRAME_SAMPLES, FRAME_SAMPLES + 3)).all()
    assert not frame.samples[3:].any()
    assert len(frame.samples) == FRAME_SAMPLES


def test_a_flush_with_nothing_left_gives_nothing():
    framer = Framer()
    assert framer.flush() == []
    framer.feed(numbered(0, FRAME_SAMPLES))
    assert framer.flush() == []


def test_what_is_done_to_the_block_afterwards_does_not_change_the_frames():
    framer = Framer()
    block = numbered(0, FRAME_SAMPLES + 100)
    framer.feed(block[:100])
    (frame,) = framer.feed(block[100:])
    block[:] = 0
    assert (frame.samples == numbered(0, FRAME_SAMPLES)).all()


@given(st.lists(st.integers(0, 3 * FRAME_SAMPLES), max_size=20))
def test_frames_are_the_samples_however_they_are_cut_into_blocks(lengths):
    framer, frames, at = Framer(), [], 0
    for length in lengths:
        frames += framer.feed(numbered(at, at + length))
        at += length
    frames += framer.flush()
    assert [frame.first_sample for frame in frames] == list(
        range(0, len(frames) * FRAME_SAMPLES, FRAME_SAMPLES)
    )
    heard = np.concatenate([np.empty(0, np.int16), *(frame.samples for frame in frames)])
    assert (heard[:at] == numbered(0, at)).all()
    assert not heard[at:].any()
    assert 0 <= len(heard) - at < FRAME_SAMPLES
