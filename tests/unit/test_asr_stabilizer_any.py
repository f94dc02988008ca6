"""However late the answers come, and whatever the engine says: the same text."""

import hashlib
from collections import deque
from itertools import chain, count, repeat

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swictation.asr.stabilizer import Stabilizer
from swictation.config.settings import VadSettings
from swictation.types import FRAME_SAMPLES, Commit, DecodeRequest, Frame, Hypothesis, SpeechEnded
from swictation.vad.endpointer import Endpointer

pytestmark = pytest.mark.unit

_TEXTS = ["", " one", " Two three.", ".", " four, five...", " six?", "?", " seven", '"', " eight,"]
_SOUND = np.zeros(FRAME_SAMPLES, np.int16)

_runs = st.tuples(st.booleans(), st.integers(1, 30) | st.integers(1, 170))
_vads = st.builds(
    VadSettings, hang_over_s=st.sampled_from([0.3, 0.8]), max_utterance_s=st.just(5.0)
)
_turns = st.lists(st.booleans(), max_size=60)


@st.composite
def _journeys(draw):
    """The points of some speech, and how an engine answers about it."""
    endpointer = Endpointer(draw(_vads))
    heard = [
        is_speech for is_speech, count_ in draw(st.lists(_runs, max_size=12)) for _ in range(count_)
    ]
    points = []
    for number, is_speech in enumerate(heard):
        frame = Frame(number * FRAME_SAMPLES, _SOUND)
        points += endpointer.feed(frame, 0.9 if is_speech else 0.1)
    return points + endpointer.flush(len(heard) * FRAME_SAMPLES), draw(st.integers(0, 9))


def _engine(seed, request):
    """As an engine: any answer, but always the same one to the same request."""
    asked = (seed, request.first_sample, request.last_sample, request.forced_text)
    digest = hashlib.sha256(repr(asked).encode()).digest()
    return Hypothesis(_TEXTS[digest[0] % len(_TEXTS)], confident=digest[1] % 2 == 0)


class _Play:
    """A commit rule, and a worker that answers one request after the other in its own time."""

    def __init__(self, seed, dies_on=()):
        self.stabilizer = Stabilizer(count(1))
        self.commits = []
        self.requests = []
        self._seed = seed
        self._waiting = deque()
        self._dies_on = set(dies_on)

    def run(self, points, turns):
        """`turns`: at each one, does the worker answer before the next point comes?"""
        turns = chain(turns, repeat(False))
        for point in points:
            while self._waiting and next(turns):
                self._answer()
            self._take(self.stabilizer.point(point))
        while self._waiting:
            self._answer()
        return self

    def _answer(self):
        request = self._waiting.popleft()
        if request.number in self._dies_on:
            self._dies_on.remove(request.number)
            # All that was asked of it is lost; the next one is asked what is still waited for.
            self._waiting.clear()
            if self.stabilizer.pending:
                self._waiting.append(self.stabilizer.pending)
            return
        answer = _engine(self._seed, request)
        self._take(self.stabilizer.answer(request.number, answer))

    def _take(self, steps):
        for step in steps:
            if isinstance(step, DecodeRequest):
                self.requests.append(step)
                self._waiting.append(step)
            else:
                self.commits.append(step)


def _asked(request):
    """What is asked, without the number."""
    return (request.utterance, request.first_sample, request.last_sample, request.forced_text)


def _at_once(points, seed):
    return _Play(seed).run(points, repeat(True))


@given(_journeys(), _turns)
def test_late_answers_give_the_same_commits_as_early_ones(journey, turns):
    points, seed = journey
    late = _Play(seed).run(points, turns)
    assert late.commits == _at_once(points, seed).commits
    assert late.stabilizer.is_idle


@given(_journeys(), _turns, st.sets(st.integers(1, 6)))
def test_a_worker_that_dies_changes_nothing(journey, turns, dies_on):
    points, seed = journey
    broken = _Play(seed, dies_on).run(points, turns)
    assert broken.commits == _at_once(points, seed).commits
    assert broken.stabilizer.is_idle


@given(_journeys(), _turns)
def test_being_late_never_asks_for_more(journey, turns):
    points, seed = journey
    late, early = _Play(seed).run(points, turns), _at_once(points, seed)
    asked = [_asked(request) for request in early.requests]
    assert all(_asked(request) in asked for request in late.requests)
    assert len(late.requests) <= len(early.requests)


@given(_journeys())
def test_every_utterance_ends_with_exactly_one_final_commit(journey):
    points, seed = journey
    ends = [(p.utterance, p.at_sample) for p in points if isinstance(p, SpeechEnded)]
    commits = _at_once(points, seed).commits
    assert [(c.utterance, c.at_sample) for c in commits if c.final] == ends
    assert [c.utterance for c in commits] == sorted(c.utterance for c in commits)


@given(_journeys())
def test_what_is_forced_is_exactly_what_was_committed_of_the_utterance(journey):
    points, seed = journey
    play = _Play(seed)
    typed: dict[int, str] = {}
    take = play._take

    def watch(steps):
        for step in steps:
            if isinstance(step, Commit):
                typed[step.utterance] = typed.get(step.utterance, "") + step.text
            else:
                assert step.forced_text == typed.get(step.utterance, "")
        take(steps)

    play._take = watch
    play.run(points, repeat(True))


@given(_journeys())
def test_at_most_one_request_is_open(journey):
    points, seed = journey
    stabilizer, open_ = Stabilizer(count(1)), None
    for point in points:
        for step in stabilizer.point(point):
            if isinstance(step, DecodeRequest):
                open_ = step
        assert stabilizer.pending in (None, open_)
        if stabilizer.pending and seed % 2:
            stabilizer.answer(open_.number, _engine(seed, open_))
