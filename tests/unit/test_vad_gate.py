import numpy as np
import pytest

from fakes.signals import frames_of, noise
from swictation.loudness import level_dbfs
from swictation.types import FRAME_SAMPLES
from swictation.vad.gate import EnergyGate

pytestmark = pytest.mark.unit

SECOND = 31
"""Frames in a second, rounded down."""
HOLD = 16
"""Frames in half a second."""


def hear(gate, dbfs, frames, seed=1):
    sound = noise(frames * FRAME_SAMPLES, dbfs, seed)
    return [gate.is_open(frame.samples) for frame in frames_of(sound)]


def test_the_level_of_a_full_scale_square_wave_is_0_dbfs():
    square = np.tile(np.array([32767, -32768], np.int16), FRAME_SAMPLES // 2)
    assert level_dbfs(square) == pytest.approx(0.0, abs=0.01)


def test_the_level_of_noise_is_what_it_was_made_with():
    assert level_dbfs(noise(16_000, -37.0)) == pytest.approx(-37.0, abs=0.2)


def test_digital_silence_has_a_level_and_not_minus_infinity():
    assert level_dbfs(np.zeros(FRAME_SAMPLES, np.int16)) == -100.0


def test_a_very_loud_frame_does_not_overflow():
    assert level_dbfs(np.full(FRAME_SAMPLES, -32768, np.int16)) == 0.0


def test_it_is_open_until_the_room_is_known():
    assert all(hear(EnergyGate(), -45.0, 3 * SECOND))


def test_it_shuts_in_the_steady_noise_of_a_room():
    gate = EnergyGate()
    hear(gate, -45.0, 4 * SECOND)
    assert not any(hear(gate, -45.0, 10 * SECOND, seed=2))


def test_it_opens_with_the_very_frame_that_is_louder_and_half_a_second_longer():
    gate = EnergyGate()
    hear(gate, -50.0, 5 * SECOND)
    assert hear(gate, -40.0, 1) == [True]
    assert hear(gate, -50.0, HOLD + 5) == [True] * (HOLD - 1) + [False] * 6


def test_it_stays_open_through_the_pauses_between_words():
    gate = EnergyGate()
    hear(gate, -50.0, 5 * SECOND)
    for seed in range(20):
        assert all(hear(gate, -30.0, 8, seed) + hear(gate, -50.0, 8, seed))


def test_digital_silence_never_opens_it():
    gate = EnergyGate()
    opened = [gate.is_open(np.zeros(FRAME_SAMPLES, np.int16)) for _ in range(6 * SECOND)]
    assert opened == [True] * HOLD + [False] * (6 * SECOND - HOLD)


def test_nothing_below_70_dbfs_opens_it_however_quiet_the_room():
    gate = EnergyGate()
    hear(gate, -95.0, 5 * SECOND)
    assert not any(hear(gate, -72.0, 5))
    assert all(hear(gate, -65.0, 5))


def test_a_fan_that_starts_opens_it_for_three_seconds_at_most():
    gate = EnergyGate()
    hear(gate, -60.0, 5 * SECOND)
    opened = hear(gate, -40.0, 8 * SECOND)
    assert opened[0]
    assert not any(opened[4 * SECOND :])


def test_it_hears_a_whisper_again_after_the_fan_has_stopped():
    gate = EnergyGate()
    hear(gate, -40.0, 5 * SECOND)
    hear(gate, -60.0, 5)
    assert hear(gate, -55.0, 1) == [True]


def test_its_memory_is_bounded_by_the_time_that_it_remembers():
    gate = EnergyGate()
    # A steadily rising level is the worst case: every frame stays a candidate.
    for step in range(20 * SECOND):
        hear(gate, -90.0 + step / 10, 1)
    hear(gate, -80.0, 4 * SECOND)
    assert not any(hear(gate, -80.0, 5, seed=3))
