import pytest

from swictation.clock import SimClock
from swictation.dictation.degraded import (
    AUDIO_ONLY,
    NO_ENGINE,
    NO_MICROPHONE,
    NO_SPOOL,
    NO_WINDOW,
    Degradations,
)

pytestmark = pytest.mark.unit


@pytest.fixture
def clock():
    return SimClock(50.0)


def test_all_is_well_at_first(clock):
    assert Degradations(clock).gravest is None


def test_the_gravest_is_shown_and_the_next_when_it_is_mended(clock):
    found = Degradations(clock)
    modes = [NO_SPOOL, NO_WINDOW, NO_MICROPHONE, NO_ENGINE, AUDIO_ONLY]
    for mode in modes:
        found.put(mode, f"reason of {mode}")
        assert (found.gravest.mode, found.gravest.reason) == (mode, f"reason of {mode}")
    for mode in reversed(modes):
        assert found.gravest.mode == mode
        found.put(mode, "")
        assert not found.has(mode)
    assert found.gravest is None


def test_it_lasts_since_it_began_whatever_reasons_follow(clock):
    found = Degradations(clock)
    found.put(NO_ENGINE, "it died")
    clock.advance(10.0)
    found.put(NO_ENGINE, "it died again")
    clock.advance(2.5)
    assert (found.gravest.reason, found.gravest.since_s) == ("it died again", 12.5)
    found.put(NO_ENGINE, "")
    found.put(NO_ENGINE, "anew")
    assert found.gravest.since_s == 0.0


def test_what_was_never_amiss_may_be_well(clock):
    found = Degradations(clock)
    found.put(NO_WINDOW, "")
    assert found.gravest is None
