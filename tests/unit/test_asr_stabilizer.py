"""The commit rule, sentence by sentence: "The commit rule for Whisper" and its "As a program"."""

from itertools import count

import pytest

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
)

pytestmark = pytest.mark.unit

STARTED = SpeechStarted(0, 2_000, 500, 1_000, continues=False)
NOTICED = SilenceNoticed(0, 10_000, 9_000)
CONFIRMED = SilenceConfirmed(0, 12_000)
RESUMED = SpeechResumed(0, 13_000)
NOTICED_AGAIN = SilenceNoticed(0, 20_000, 19_000)
CONFIRMED_AGAIN = SilenceConfirmed(0, 22_000)
ENDED = SpeechEnded(0, 30_000, 9_000, "silence")


def sure(text):
    return Hypothesis(text, confident=True)


def unsure(text):
    return Hypothesis(text, confident=False)


class Rule:
    """A stabilizer that is fed points and told what the engine says."""

    def __init__(self):
        self.stabilizer = Stabilizer(count(1))

    def points(self, *points):
        return [step for point in points for step in self.stabilizer.point(point)]

    def answer(self, hypothesis):
        return self.stabilizer.answer(self.stabilizer.pending.number, hypothesis)


@pytest.fixture
def rule():
    return Rule()


def test_nothing_is_asked_while_somebody_speaks(rule):
    assert rule.points(STARTED) == []
    assert rule.stabilizer.pending is None


def test_at_k1_the_utterance_is_decoded_from_its_start_to_its_last_speech(rule):
    assert rule.points(STARTED, NOTICED) == [DecodeRequest(1, 0, 1_000, 9_000)]


def test_at_k2_a_sure_engine_has_all_committed_but_the_final_punctuation(rule):
    rule.points(STARTED, NOTICED)
    assert rule.answer(sure(" Hello, world...")) == []
    assert rule.points(CONFIRMED) == [Commit(0, " Hello, world", False, 12_000)]


def test_at_k2_an_unsure_engine_has_its_text_held(rule):
    rule.points(STARTED, NOTICED)
    rule.answer(unsure(" Hello."))
    assert rule.points(CONFIRMED) == []


def test_at_k3_the_rest_and_the_punctuation_are_committed_without_another_decode(rule):
    rule.points(STARTED, NOTICED)
    rule.answer(sure(" Hello, world."))
    rule.points(CONFIRMED)
    assert rule.points(ENDED) == [Commit(0, ".", True, 30_000)]
    assert rule.stabilizer.is_idle


def test_at_k3_what_was_held_is_committed_whole(rule):
    rule.points(STARTED, NOTICED)
    rule.answer(unsure(" Hello."))
    assert rule.points(CONFIRMED, ENDED) == [Commit(0, " Hello.", True, 30_000)]


def test_an_utterance_without_words_ends_with_an_empty_commit(rule):
    rule.points(STARTED, NOTICED)
    rule.answer(Hypothesis("", confident=False, dropped="noise"))
    assert rule.points(CONFIRMED, ENDED) == [Commit(0, "", True, 30_000)]


def test_punctuation_alone_is_not_committed_at_k2(rule):
    rule.points(STARTED, NOTICED)
    rule.answer(sure(" ..."))
    assert rule.points(CONFIRMED) == []


def test_after_a_pause_the_same_utterance_goes_on_with_the_typed_text_forced(rule):
    rule.points(STARTED, NOTICED)
    rule.answer(sure(" Hello."))
    rule.points(CONFIRMED)
    assert rule.points(RESUMED, NOTICED_AGAIN) == [DecodeRequest(2, 0, 1_000, 19_000, " Hello")]
    rule.answer(sure(", my friend."))
    assert rule.points(CONFIRMED_AGAIN) == [Commit(0, ", my friend", False, 22_000)]
    ended = SpeechEnded(0, 30_000, 19_000, "silence")
    assert rule.points(ended) == [Commit(0, ".", True, 30_000)]


def test_what_was_held_in_a_pause_is_decoded_anew_with_what_follows(rule):
    rule.points(STARTED, NOTICED)
    rule.answer(unsure(" Hollow"))
    rule.points(CONFIRMED)
    assert rule.points(RESUMED, NOTICED_AGAIN) == [DecodeRequest(2, 0, 1_000, 19_000)]
    rule.answer(sure(" Hello, my friend."))
    assert rule.points(CONFIRMED_AGAIN) == [Commit(0, " Hello, my friend", False, 22_000)]


def test_confidence_in_one_pause_says_nothing_about_the_next(rule):
    rule.points(STARTED, NOTICED)
    rule.answer(sure(" Hello."))
    rule.points(CONFIRMED, RESUMED, NOTICED_AGAIN)
    rule.answer(unsure(" mumble."))
    assert rule.points(CONFIRMED_AGAIN) == []


def test_points_are_never_skipped_because_the_answer_is_late(rule):
    ended = SpeechEnded(0, 30_000, 19_000, "silence")
    points = (STARTED, NOTICED, CONFIRMED, RESUMED, NOTICED_AGAIN, CONFIRMED_AGAIN, ended)
    assert rule.points(*points) == [DecodeRequest(1, 0, 1_000, 9_000)]
    assert rule.answer(sure(" Hello.")) == [
        Commit(0, " Hello", False, 12_000),
        DecodeRequest(2, 0, 1_000, 19_000, " Hello"),
    ]
    assert rule.answer(sure(" again.")) == [
        Commit(0, " again", False, 22_000),
        Commit(0, ".", True, 30_000),
    ]
    assert rule.stabilizer.is_idle


def test_the_next_utterances_wait_for_the_one_that_is_decoded(rule):
    second = SpeechStarted(1, 40_000, 35_000, 36_000, continues=False)
    noticed = SilenceNoticed(1, 50_000, 49_000)
    assert len(rule.points(STARTED, NOTICED, CONFIRMED, ENDED, second, noticed)) == 1
    assert rule.answer(unsure(" One.")) == [
        Commit(0, " One.", True, 30_000),
        DecodeRequest(2, 1, 36_000, 49_000),
    ]


def test_a_request_whose_silence_ended_before_k2_is_no_longer_waited_for(rule):
    rule.points(STARTED, NOTICED)
    assert rule.points(RESUMED) == []
    assert rule.stabilizer.pending is None
    assert rule.points(NOTICED_AGAIN) == [DecodeRequest(2, 0, 1_000, 19_000)]


def test_the_answer_to_a_request_that_is_no_longer_waited_for_is_ignored(rule):
    rule.points(STARTED, NOTICED, RESUMED)
    assert rule.stabilizer.answer(1, sure(" Half a")) == []
    rule.points(NOTICED_AGAIN)
    assert rule.stabilizer.answer(1, sure(" Half a")) == []
    rule.answer(sure(" Half a word."))
    assert rule.points(CONFIRMED_AGAIN) == [Commit(0, " Half a word", False, 22_000)]


def test_a_silence_that_is_known_to_have_ended_before_k2_is_not_decoded_at_all(rule):
    second = SpeechStarted(1, 40_000, 35_000, 36_000, continues=False)
    short = (SilenceNoticed(1, 50_000, 49_000), SpeechResumed(1, 51_000))
    last = SilenceNoticed(1, 60_000, 59_000)
    rule.points(STARTED, NOTICED, CONFIRMED, ENDED, second, *short, last)
    assert rule.answer(sure(" One."))[-1] == DecodeRequest(2, 1, 36_000, 59_000)


def test_a_request_whose_silence_lasted_beyond_k2_is_waited_for_though_speech_resumed(rule):
    rule.points(STARTED, NOTICED, CONFIRMED, RESUMED)
    assert rule.stabilizer.pending is not None
    assert rule.answer(sure(" Hello.")) == [Commit(0, " Hello", False, 12_000)]


def test_a_flush_in_speech_decodes_at_once_and_commits_all_however_unsure(rule):
    flushed = SpeechEnded(0, 8_000, 11_200, "flush")
    assert rule.points(STARTED, flushed) == [DecodeRequest(1, 0, 1_000, 11_200)]
    assert rule.answer(unsure(" Stop.")) == [Commit(0, " Stop.", True, 8_000)]


def test_a_flush_in_a_pause_takes_the_decode_that_the_pause_has_asked_for(rule):
    flushed = SpeechEnded(0, 11_000, 9_000, "flush")
    rule.points(STARTED, NOTICED)
    assert rule.points(flushed) == []
    assert rule.answer(unsure(" Stop.")) == [Commit(0, " Stop.", True, 11_000)]


def test_a_flush_after_k2_commits_what_k2_left(rule):
    rule.points(STARTED, NOTICED)
    rule.answer(sure(" Stop."))
    rule.points(CONFIRMED)
    flushed = SpeechEnded(0, 13_000, 9_000, "flush")
    assert rule.points(flushed) == [Commit(0, ".", True, 13_000)]


def test_at_the_cap_the_piece_is_decoded_and_loses_its_final_punctuation(rule):
    cut = SpeechEnded(0, 320_000, 300_000, "cap")
    goes_on = SpeechStarted(1, 320_000, 300_000, 300_000, continues=True)
    assert rule.points(STARTED, cut, goes_on) == [DecodeRequest(1, 0, 1_000, 300_000)]
    committed = Commit(0, " And then, we", True, 320_000, joins_next=True)
    assert rule.answer(sure(" And then, we...")) == [committed]


def test_behind_a_cut_the_next_piece_is_decoded_without_the_text_before(rule):
    cut = SpeechEnded(0, 320_000, 300_000, "cap")
    goes_on = SpeechStarted(1, 320_000, 300_000, 300_000, continues=True)
    rule.points(STARTED, cut, goes_on)
    rule.answer(sure(" And then, we"))
    noticed = SilenceNoticed(1, 400_000, 390_000)
    assert rule.points(noticed) == [DecodeRequest(2, 1, 300_000, 390_000)]


def test_only_a_cut_joins_the_next_utterance(rule):
    rule.points(STARTED, NOTICED)
    rule.answer(sure(" Hello"))
    commits = rule.points(CONFIRMED, ENDED)
    assert [commit.joins_next for commit in commits] == [False, False]


def test_a_request_stays_the_same_for_as_long_as_it_is_unanswered(rule):
    (request,) = rule.points(STARTED, NOTICED)
    assert rule.stabilizer.pending == request
    rule.points(CONFIRMED, ENDED)
    assert rule.stabilizer.answer(99, sure(" Not mine.")) == []
    assert rule.stabilizer.pending == request


def test_an_answer_is_accepted_once(rule):
    rule.points(STARTED, NOTICED)
    rule.stabilizer.answer(1, sure(" Once."))
    assert rule.stabilizer.answer(1, sure(" Twice.")) == []
    assert rule.points(CONFIRMED) == [Commit(0, " Once", False, 12_000)]


def test_an_answer_from_nowhere_is_ignored(rule):
    assert rule.stabilizer.answer(1, sure(" Ghost.")) == []
    assert rule.stabilizer.is_idle


def test_an_utterance_that_is_given_up_ends_empty_and_the_next_is_decoded(rule):
    second = SpeechStarted(1, 40_000, 35_000, 36_000, continues=False)
    rule.points(STARTED, NOTICED, CONFIRMED, ENDED, second, SilenceNoticed(1, 50_000, 49_000))
    assert rule.stabilizer.give_up() == [
        Commit(0, "", True, 30_000),
        DecodeRequest(2, 1, 36_000, 49_000),
    ]


def test_nothing_more_of_a_given_up_utterance_is_asked_or_typed(rule):
    rule.points(STARTED, NOTICED)
    assert rule.stabilizer.give_up() == []
    assert rule.points(CONFIRMED, RESUMED, NOTICED_AGAIN, CONFIRMED_AGAIN) == []
    ended = SpeechEnded(0, 30_000, 19_000, "silence")
    assert rule.points(ended) == [Commit(0, "", True, 30_000)]


def test_giving_up_keeps_what_was_typed_before(rule):
    rule.points(STARTED, NOTICED)
    rule.answer(sure(" Typed."))
    rule.points(CONFIRMED, RESUMED, NOTICED_AGAIN)
    rule.stabilizer.give_up()
    ended = SpeechEnded(0, 30_000, 19_000, "silence")
    assert rule.points(CONFIRMED_AGAIN, ended) == [Commit(0, "", True, 30_000)]


def test_the_late_answer_to_a_given_up_request_is_ignored(rule):
    rule.points(STARTED, NOTICED)
    rule.stabilizer.give_up()
    assert rule.stabilizer.answer(1, sure(" Too late.")) == []
    assert rule.points(CONFIRMED, ENDED) == [Commit(0, "", True, 30_000)]


def test_there_is_nothing_to_give_up_when_nothing_is_asked(rule):
    assert rule.stabilizer.give_up() == []
    rule.points(STARTED)
    assert rule.stabilizer.give_up() == []
    assert rule.points(NOTICED) == [DecodeRequest(1, 0, 1_000, 9_000)]
