"""The daemon's end of a worker's detector, over a real socket; the test is the other end."""

import math
import threading

import pytest

from fakes.peer import Peer
from fakes.signals import eventually, frames_of, noise
from patience import PATIENCE_S
from swictation.errors import DetectorError
from swictation.types import FRAME_SAMPLES
from swictation.vad import records
from swictation.vad.detector import WARM_FRAMES
from swictation.vad.silero_cpu import SileroCpu

pytestmark = pytest.mark.unit

SHORT_S = 0.05


def frames(count, dbfs=-25.0):
    return [frame.samples for frame in frames_of(noise(count * FRAME_SAMPLES, dbfs))]


def same(probability):
    return pytest.approx(probability, abs=1e-6)


def test_it_answers_as_the_detector_behind_it():
    own = SileroCpu()
    with Peer() as peer:
        for samples in frames(50):
            assert peer.remote.probability(samples) == same(own.probability(samples))


def test_the_first_frame_after_a_reset_says_so_and_only_that_one():
    with Peer() as peer:
        for samples in frames(2):
            peer.remote.probability(samples)
        peer.remote.reset()
        for samples in frames(2):
            peer.remote.probability(samples)
        assert [forgets for _, forgets, _ in peer.asked] == [True, False, True, False]


def test_what_warms_it_is_heard_first_and_no_answer_is_waited_for():
    heard, last = frames(WARM_FRAMES), frames(1)[0]
    own = SileroCpu()
    for samples in heard:
        own.probability(samples)
    with Peer() as peer:
        peer.remote.hear(*heard)
        assert peer.remote.probability(last) == same(own.probability(last))
        assert [pcm for _, _, pcm in peer.asked] == [s.tobytes() for s in [*heard, last]]
        assert [forgets for _, forgets, _ in peer.asked] == [True] + WARM_FRAMES * [False]


def test_an_answer_that_does_not_come_is_an_error_within_the_deadline():
    with Peer(lambda *_: [], SHORT_S) as peer, pytest.raises(DetectorError, match="within 50 ms"):
        peer.remote.probability(frames(1)[0])


def test_answers_that_come_too_late_are_not_taken_for_later_ones():
    held = []

    def reply(number, forgets, samples):
        """Keeps the first two answers back until the third."""
        held.append(records.answer(number, 0.1 * number))
        return held if number == 3 else []

    with Peer(reply, SHORT_S) as peer:
        for samples in frames(2):
            with pytest.raises(DetectorError, match="within"):
                peer.remote.probability(samples)
        peer.remote.deadline_s = 30.0
        assert peer.remote.probability(frames(1)[0]) == same(0.3)


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (lambda number: records.answer(number, math.nan), "nan"),
        (lambda number: records.answer(number, 1.5), "1.5"),
        (lambda number: records.answer(number, -0.1), "-0.1"),
        (lambda number: records.answer(number, math.inf), "inf"),
        (lambda number: records.answer(number + 1, 0.5), "nobody asked"),
        (lambda number: records.answer(0, 0.5), "nobody asked"),
        (lambda number: b"garbage", "7 bytes"),
        (lambda number: bytes(5000), "bytes"),
    ],
)
def test_nonsense_is_an_error(reply, told):
    with (
        Peer(lambda number, *_: [reply(number)]) as peer,
        pytest.raises(DetectorError, match=told),
    ):
        peer.remote.probability(frames(1)[0])


def test_a_flood_of_answers_does_not_hold_it():
    with Peer(lambda number, *_: 3 * [records.answer(number, 0.5)]) as peer:
        first, second = frames(2)
        assert peer.remote.probability(first) == 0.5
        with pytest.raises(DetectorError, match="nobody asked"):
            peer.remote.probability(second)


def test_its_death_is_an_error_at_once():
    with Peer() as peer:
        peer.remote.probability(frames(1)[0])
        peer.die()
        for samples in frames(2):
            with pytest.raises(DetectorError, match="gone"):
                peer.remote.probability(samples)


def test_one_that_reads_nothing_any_more_is_an_error_and_never_waited_for():
    goes_on = threading.Event()

    def stop(*_):
        goes_on.wait(PATIENCE_S)
        return []

    with Peer(stop, 0.001) as peer:
        for samples in 1000 * frames(1):
            with pytest.raises(DetectorError, match="within"):
                peer.remote.probability(samples)
        goes_on.set()


def test_to_close_it_wakes_who_waits_for_an_answer():
    told = []

    def ask():
        try:
            peer.remote.probability(frames(1)[0])
        except DetectorError as error:
            told.append(error.message)

    with Peer(lambda *_: []) as peer:
        speech = threading.Thread(target=ask)
        speech.start()
        assert eventually(lambda: peer.asked)
        peer.remote.close()
        speech.join(PATIENCE_S)
        assert told == ["its process is gone"]
        peer.remote.close()
        with pytest.raises(DetectorError, match="gone"):
            peer.remote.probability(frames(1)[0])
