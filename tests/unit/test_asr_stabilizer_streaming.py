"""The commit rule with an engine that streams: its text is typed as it comes."""

from itertools import count

import pytest

from swictation.asr.stabilizer import Stabilizer
from swictation.types import (
    Chunking,
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

CHUNKING = Chunking(to_samples(1.5), to_samples(1.0))
FIRST = 1_000
STARTED = SpeechStarted(0, 3_000, 500, FIRST, continues=False)
MARGIN = to_samples(0.1) + 512


def chunk_end(number):
    """The `number`th place, from 0."""
    return FIRST + to_samples(1.5) + number * to_samples(1.0)


def said(text, *, beyond=None):
    return Hypothesis(text, confident=True, beyond=beyond)


class Rule:
    def __init__(self):
        self.stabilizer = Stabilizer(count(1), left_context_s=4.0, tail_s=0.2)

    def points(self, *points, chunking=CHUNKING):
        return [step for point in points for step in self.stabilizer.points([point], chunking)]

    def heard(self, sample):
        return self.stabilizer.heard(sample)

    def hear_chunk(self, number, text):
        """The place is heard, asked about and answered."""
        self.heard(chunk_end(number) + MARGIN)
        return self.answer(said(text))

    def answer(self, hypothesis):
        return self.stabilizer.answer(self.stabilizer.pending.number, hypothesis)


@pytest.fixture
def rule():
    return Rule()


def test_while_speech_goes_on_each_chunk_is_asked_about_once(rule):
    rule.points(STARTED)
    assert rule.heard(chunk_end(0) + MARGIN - 1) == []
    asked = DecodeRequest(1, 0, FIRST, chunk_end(0), goes_on=True)
    assert rule.heard(chunk_end(0) + MARGIN) == [asked]
    assert rule.heard(chunk_end(0) + MARGIN + 100) == []


def test_what_a_chunk_brings_is_committed_at_once_and_forced_from_then_on(rule):
    rule.points(STARTED)
    assert rule.hear_chunk(0, " Open the")[0] == Commit(0, " Open the", False, chunk_end(0))
    rule.heard(chunk_end(1) + MARGIN)
    assert rule.stabilizer.pending == DecodeRequest(
        2, 0, FIRST, chunk_end(1), " Open the", goes_on=True
    )


def test_a_chunk_without_a_new_word_commits_nothing(rule):
    rule.points(STARTED)
    assert rule.hear_chunk(0, "") == []
    assert rule.stabilizer.pending is None


def test_a_late_engine_is_asked_about_each_chunk_all_the_same(rule):
    rule.points(STARTED)
    rule.heard(chunk_end(2) + MARGIN)
    asked = []
    while rule.stabilizer.pending:
        asked.append(rule.stabilizer.pending.last_sample)
        rule.answer(said(""))
    assert asked == [chunk_end(0), chunk_end(1), chunk_end(2)]


def test_points_wait_for_the_chunk_before_them(rule):
    rule.points(STARTED)
    end = chunk_end(0) + 4_000
    rule.points(SilenceNoticed(0, end, end - 300))
    assert rule.stabilizer.pending.goes_on
    steps = rule.answer(said(" Open"))
    assert steps == [
        Commit(0, " Open", False, chunk_end(0)),
        DecodeRequest(2, 0, FIRST, end - 300, " Open"),
    ]


def test_a_pause_is_decoded_to_its_end_and_the_rest_committed_at_k2(rule):
    rule.points(STARTED)
    rule.hear_chunk(0, " Open the")
    rule.points(SilenceNoticed(0, 40_000, 39_700))
    rule.answer(said(" window."))
    assert rule.points(SilenceConfirmed(0, 42_000)) == [Commit(0, " window", False, 42_000)]
    assert rule.points(SpeechEnded(0, 50_000, 39_700, "silence")) == [Commit(0, ".", True, 50_000)]


def test_in_a_pause_no_chunk_is_asked_about(rule):
    rule.points(STARTED, SilenceNoticed(0, 12_000, 11_700))
    rule.answer(said(" Open"))
    assert rule.heard(chunk_end(3)) == []


def test_after_a_pause_the_next_chunk_comes_at_its_place_from_the_first_sample(rule):
    rule.points(STARTED, SilenceNoticed(0, 12_000, 11_700))
    rule.answer(said(" Open."))
    rule.points(SilenceConfirmed(0, 13_600), SpeechResumed(0, chunk_end(0) + 8_000))
    rule.heard(chunk_end(1) + MARGIN)
    assert rule.stabilizer.pending == DecodeRequest(
        2, 0, FIRST, chunk_end(1), " Open", goes_on=True
    )


def test_an_engine_that_does_not_stream_is_never_asked_about_chunks(rule):
    rule.points(STARTED, chunking=None)
    assert rule.heard(to_samples(15.0)) == []


def test_where_nobody_streams_any_more_a_chunk_is_passed_over(rule):
    rule.points(STARTED)
    rule.hear_chunk(0, " Open the")
    rule.heard(chunk_end(1) + MARGIN)
    assert rule.stabilizer.pass_over(rule.stabilizer.pending.number) == []
    assert rule.stabilizer.pending is None
    rule.points(SpeechEnded(0, 60_000, 59_000, "flush"))
    assert rule.stabilizer.pending.forced_text == " Open the"


def test_a_request_that_reaches_behind_all_chunks_is_not_outrun(rule):
    rule.points(STARTED)
    rule.hear_chunk(0, " Open")
    rule.points(SpeechEnded(0, 60_000, 59_000, "silence"))
    assert not rule.stabilizer.is_outrun(rule.stabilizer.pending)


def test_where_nobody_ever_streamed_only_the_end_is_decoded_again(rule):
    """As without chunks: what was passed over says nothing of what an engine has heard."""
    rule.points(STARTED)
    for number in range(3):
        rule.heard(chunk_end(number) + MARGIN)
        rule.stabilizer.pass_over(rule.stabilizer.pending.number)
    assert rule.stabilizer.partial(30_000, 60_000).first_sample == 30_000


def test_after_chunks_an_utterance_is_always_asked_about_from_its_first_sample(rule):
    rule.points(STARTED)
    for number in range(12):
        rule.hear_chunk(number, f" word{number}")
    rule.points(SpeechEnded(0, chunk_end(12), chunk_end(12) - 500, "silence"))
    assert rule.stabilizer.pending.first_sample == FIRST


def test_tentative_text_is_asked_for_from_the_first_sample_too(rule):
    """What the engine has heard already costs nothing."""
    rule.points(STARTED)
    for number in range(12):
        rule.hear_chunk(number, f" word{number}")
    asked = rule.stabilizer.partial(to_samples(9.0), to_samples(13.0))
    assert (asked.first_sample, asked.partial) == (FIRST, True)
    assert asked.forced_text.startswith(" word0")


class TestCut:
    """At the cap an utterance is cut at a quiet place, maybe behind which words were typed."""

    @pytest.fixture
    def rule(self, rule):
        rule.points(STARTED)
        rule.hear_chunk(0, " one two")
        rule.hear_chunk(1, " three four")
        rule.hear_chunk(2, " five")
        self.cut = chunk_end(1) - 2_000
        rule.points(SpeechEnded(0, chunk_end(2) + 4_000, self.cut, "cap"))
        return rule

    def next_forced(self, rule):
        rule.points(SpeechStarted(1, chunk_end(2) + 4_000, self.cut, self.cut, continues=True))
        rule.points(SpeechEnded(1, to_samples(30.0), to_samples(29.0), "silence"))
        return rule.stabilizer.pending.forced_text

    def test_what_lies_behind_it_by_the_engines_word_is_forced_in_the_next(self, rule):
        rule.answer(said("", beyond=" four five"))
        assert self.next_forced(rule) == " four five"

    def test_of_an_engine_that_cannot_tell_all_that_later_chunks_brought(self, rule):
        rule.answer(said(""))
        assert self.next_forced(rule) == " three four five"

    @pytest.mark.parametrize(
        ("heard", "typed", "forced"),
        [
            ("", "", " three four five"),
            (" three", "", " four five"),
            (" three four", "", " five"),
            (" three four five six", " six", ""),
        ],
    )
    def test_an_engine_that_does_not_stream_is_made_to_begin_before_it(
        self, rule, heard, typed, forced
    ):
        """With what it cannot hear it would say that again; unasked, a held back word is lost."""
        assert rule.stabilizer.is_outrun(rule.stabilizer.pending)
        asked = rule.stabilizer.unstreamed(rule.stabilizer.pending)
        assert (asked.forced_text, rule.stabilizer.pending) == (" one two", asked)
        assert rule.stabilizer.unstreamed(asked) == asked, "after a fault it is asked again"
        steps = rule.answer(said(heard))
        assert steps == [Commit(0, typed, True, chunk_end(2) + 4_000, joins_next=True)]
        assert self.next_forced(rule) == forced

    def test_nothing_is_carried_where_nothing_lies_behind(self, rule):
        rule.answer(said(" three", beyond=""))
        assert self.next_forced(rule) == ""

    def test_an_utterance_of_its_own_begins_with_nothing(self, rule):
        rule.answer(said("", beyond=" four five"))
        rule.points(SpeechStarted(1, 90_000, 89_000, 89_000, continues=False))
        rule.points(SpeechEnded(1, to_samples(30.0), to_samples(29.0), "silence"))
        assert rule.stabilizer.pending.forced_text == ""


def test_whatever_the_reports_the_same_places_are_asked_about(rule):
    end = chunk_end(2) + 300

    def places(reports):
        one = Rule()
        asked = []

        def take(steps):
            while steps:
                asked.extend(s.last_sample for s in steps if isinstance(s, DecodeRequest))
                steps = one.answer(said("")) if one.stabilizer.pending else []

        take(one.points(STARTED))
        for sample in reports:
            take(one.heard(sample))
        take(one.points(SilenceNoticed(0, end, end - 400)))
        return asked

    expected = [chunk_end(0), chunk_end(1), end - 400]
    assert places([]) == expected
    assert places(range(FIRST, end + 512, 160)) == expected
    assert places([end - 1]) == expected
