from itertools import count

import pytest

from swictation.asr.partials import WINDOW_SAMPLES, PartialPacer
from swictation.asr.stabilizer import Stabilizer
from swictation.types import (
    Commit,
    DecodeRequest,
    Hypothesis,
    SilenceConfirmed,
    SilenceNoticed,
    SpeechEnded,
    SpeechResumed,
    SpeechStarted,
    to_samples,
)

pytestmark = pytest.mark.unit

STARTED = SpeechStarted(0, 2_000, 500, 1_000, continues=False)
NOTICED = SilenceNoticed(0, 10_000, 9_000)
CONFIRMED = SilenceConfirmed(0, 12_000)
RESUMED = SpeechResumed(0, 13_000)
ENDED = SpeechEnded(0, 30_000, 9_000, "silence")
SPEECH = 0.9
SURE = Hypothesis(" Hello.", confident=True)
UNSURE = Hypothesis(" Hello.", confident=False)


@pytest.fixture
def pacer():
    return PartialPacer(speech_threshold=0.5)


@pytest.fixture
def stabilizer():
    return Stabilizer(count(1))


def request(number=1, seconds=2.0):
    return DecodeRequest(number, 0, 0, to_samples(seconds), partial=True)


def test_a_partial_may_be_asked_at_once(pacer):
    assert pacer.may_ask(SPEECH, 0.0)


def test_none_starts_after_a_frame_below_the_speech_threshold(pacer):
    assert not pacer.may_ask(0.49, 10.0)
    assert pacer.may_ask(0.5, 10.0)


def test_one_is_open_at_a_time(pacer):
    assert pacer.asked(request(), 1.0)
    assert not pacer.may_ask(SPEECH, 100.0)
    pacer.answered(1, 0.01, 1.01)
    assert pacer.may_ask(SPEECH, 100.0)


@pytest.mark.parametrize(("cpu_s", "now_s"), [(0.5, 10.25), (0.1, 10.5)])
def test_the_next_starts_no_sooner_than_three_times_the_cost_of_the_last(pacer, cpu_s, now_s):
    pacer.asked(request(), 10.0)
    pacer.answered(1, cpu_s, now_s)
    assert not pacer.may_ask(SPEECH, 11.49)
    assert pacer.may_ask(SPEECH, 11.5)


def test_cheap_partials_still_come_only_four_times_a_second(pacer):
    pacer.asked(request(), 10.0)
    pacer.answered(1, 0.001, 10.002)
    assert not pacer.may_ask(SPEECH, 10.24)
    assert pacer.may_ask(SPEECH, 10.25)


def test_half_a_second_of_speech_is_not_worth_one(pacer):
    assert not pacer.asked(request(seconds=0.59), 1.0)
    assert pacer.may_ask(SPEECH, 1.0)


def test_only_its_own_answer_closes_it(pacer):
    asked = request(number=7)
    pacer.asked(asked, 1.0)
    assert pacer.answered(6, 0.1, 1.1) is None
    assert pacer.answered(7, 0.1, 1.1) == asked
    assert pacer.answered(7, 0.1, 1.1) is None


def test_a_death_frees_it_and_after_two_deaths_on_partials_there_are_no_more(pacer):
    pacer.asked(request(), 1.0)
    pacer.worker_died()
    assert pacer.may_ask(SPEECH, 2.0)
    pacer.asked(request(2), 2.0)
    pacer.worker_died()
    assert not pacer.may_ask(SPEECH, 1000.0)


def test_deaths_on_other_work_do_not_count(pacer):
    for _ in range(5):
        pacer.worker_died()
    assert pacer.may_ask(SPEECH, 2.0)


def test_the_window_is_8_s():
    assert WINDOW_SAMPLES == 8 * 16_000


def play(stabilizer, *points):
    return [step for point in points for step in stabilizer.point(point)]


def answer(stabilizer, hypothesis):
    return stabilizer.answer(stabilizer.pending.number, hypothesis)


def test_a_partial_decodes_the_open_utterance_with_the_typed_text_forced(stabilizer):
    play(stabilizer, STARTED, NOTICED)
    answer(stabilizer, SURE)
    play(stabilizer, CONFIRMED, RESUMED)
    partial = stabilizer.partial(0, 15_000)
    assert partial == DecodeRequest(2, 0, 1_000, 15_000, " Hello", partial=True)


def test_a_partial_of_a_part_has_no_text_forced(stabilizer):
    play(stabilizer, STARTED, NOTICED)
    answer(stabilizer, SURE)
    play(stabilizer, CONFIRMED, RESUMED)
    partial = stabilizer.partial(5_000, 15_000)
    assert partial == DecodeRequest(2, 0, 5_000, 15_000, "", partial=True)


def test_the_answer_to_a_partial_commits_nothing(stabilizer):
    play(stabilizer, STARTED)
    partial = stabilizer.partial(0, 8_000)
    assert stabilizer.answer(partial.number, SURE) == []
    play(stabilizer, NOTICED)
    answer(stabilizer, UNSURE)
    assert play(stabilizer, CONFIRMED, ENDED) == [Commit(0, " Hello.", True, 30_000)]


def test_there_is_no_partial_without_an_open_utterance_or_beside_a_final(stabilizer):
    assert stabilizer.partial(0, 8_000) is None
    play(stabilizer, STARTED, NOTICED)
    assert stabilizer.partial(0, 10_000) is None
    stabilizer.give_up()
    assert stabilizer.partial(0, 10_000) is None
