"""An utterance's stream: what it makes of runs of a decoder, whatever bits the sound comes in."""

import numpy as np
import pytest

from swictation.asr.engines.canary.stream import MOST_TOKENS, Stream
from swictation.errors import EngineError
from swictation.types import Chunking, to_samples

pytestmark = pytest.mark.unit

FIRST, EVERY = to_samples(1.5), to_samples(1.0)
CHUNKING = Chunking(FIRST + 1, EVERY)
SECOND = to_samples(1.0)


def speech(seconds, quiet_at=()):
    """A loud sound; sample n of second s has the value s + 1, so that runs know what they hear."""
    sound = np.repeat(np.arange(1, seconds + 1, dtype=np.float32), SECOND)
    for at in quiet_at:
        sound[at - 2400 : at + 2400] = 0.01
    return sound


class FakeRun:
    """A decoder that says the number of each second of sound once it has heard its end.

    One word less than it could: the look-ahead is 0.5 s. `silent_in` is a second in which it
    falls silent for good.
    """

    def __init__(self, silent_in=(), tokens_a_word=1):
        self.heard = np.zeros(0, np.float32)
        self.takes = []
        self.words = []
        self.is_full = False
        self.silent_in = silent_in
        self.tokens_a_word = tokens_a_word

    @property
    def token_count(self):
        return 10 + len(self.words) * self.tokens_a_word

    def fork(self):
        twin = FakeRun(self.silent_in, self.tokens_a_word)
        twin.heard, twin.words = self.heard.copy(), list(self.words)
        return twin

    def take(self, samples, *, is_last):
        self.takes.append(len(samples))
        self.heard = np.concatenate([self.heard, samples])
        known = self.heard if is_last else self.heard[: -to_samples(0.5)]
        for second in dict.fromkeys(known[known >= 1].tolist()):
            whole = is_last or known.max() > second or np.count_nonzero(known == second) == SECOND
            if str(int(second)) not in self.words and whole and not self.is_full:
                if second in self.silent_in:
                    self.is_full = True
                else:
                    self.words.append(str(int(second)))

    def text(self, *, whole_words, tokens=None):
        count = len(self.words) if tokens is None else (tokens - 10) // self.tokens_a_word
        words = self.words[:count]
        return " ".join(words[:-1] if whole_words else words)


class Runs:
    def __init__(self, **first):
        self.first = first
        self.made = []

    def __call__(self):
        self.made.append(FakeRun(**self.first) if not self.made else FakeRun())
        return self.made[-1]


def said(stream, sound, block):
    for length in range(block, len(sound), block):
        stream.feed(sound[:length])
    return stream.end(sound)


@pytest.mark.parametrize("block", [512, 1600, 16_000, 160_000])
def test_the_text_is_the_same_whatever_the_blocks(block):
    sound = speech(9)
    runs = Runs()
    assert said(Stream(runs, CHUNKING), sound, block) == "1 2 3 4 5 6 7 8 9"
    assert runs.made[0].takes == [FIRST, *[EVERY] * 7]


def test_while_it_goes_on_only_whole_words_come_and_each_stays():
    stream, sound, before = Stream(Runs(), CHUNKING), speech(9), ""
    for length in range(1600, len(sound), 1600):
        text = stream.feed(sound[:length])
        assert text.startswith(before)
        before = text
    assert before == "1 2 3 4 5 6 7"


def test_an_end_that_was_tried_leaves_the_stream_as_it_was():
    stream, sound = Stream(Runs(), CHUNKING), speech(9)
    assert stream.end(sound[: 4 * SECOND]) == "1 2 3 4"
    assert stream.end(sound[: 4 * SECOND]) == "1 2 3 4"
    assert said(stream, sound, 1600) == "1 2 3 4 5 6 7 8 9"


@pytest.mark.parametrize("length", [FIRST, FIRST + 1, FIRST + EVERY, FIRST + EVERY + 1])
def test_the_last_words_come_though_the_sound_ends_where_a_chunk_does(length):
    sound = speech(4)[:length]
    stream = Stream(Runs(), CHUNKING)
    stream.feed(sound)
    assert stream.end(sound).split()[-1] == str(-(-length // SECOND))


def test_a_very_short_sound_is_followed_by_silence():
    runs = Runs()
    Stream(runs, CHUNKING).end(speech(1)[:100])
    assert runs.made[0].takes == []  # on a fork


def test_it_knows_the_sound_that_it_has_heard():
    stream, sound = Stream(Runs(), CHUNKING), speech(5)
    stream.feed(sound[: 3 * SECOND])
    assert stream.continues(sound)
    other = sound.copy()
    other[100] = -1.0
    assert not stream.continues(other)
    assert not stream.continues(sound[:SECOND])


def test_where_the_model_falls_silent_the_rest_is_heard_again_in_a_new_run():
    runs = Runs(silent_in=(5,))
    stream = Stream(runs, CHUNKING)
    assert said(stream, speech(9), 1600).split() == list("123456789")
    assert len(runs.made) == 2


def test_what_was_said_before_a_silence_stays_said():
    stream, sound, before = Stream(Runs(silent_in=(5,)), CHUNKING), speech(9), ""
    for length in range(1600, len(sound), 1600):
        text = stream.feed(sound[:length])
        assert text.startswith(before)
        before = text


def test_a_model_that_falls_silent_at_once_is_at_fault():
    with pytest.raises(EngineError, match="silent"):
        said(Stream(Runs(silent_in=(1,)), CHUNKING), speech(9), 1600)


def test_a_model_that_falls_silent_again_and_again_is_at_fault():
    stream = Stream(lambda: FakeRun(silent_in=(4, 8, 12, 16, 20)), CHUNKING)
    with pytest.raises(EngineError, match="silent"):
        said(stream, speech(24), 1600)


def test_a_long_run_ends_at_the_quietest_place_and_no_word_is_lost():
    quiet = 26 * SECOND
    runs = Runs()
    text = said(Stream(runs, CHUNKING), speech(40, quiet_at=[quiet]), 1600)
    assert [word for word, _ in _runs_of(text.split())] == [str(n) for n in range(1, 41)]
    assert len(runs.made) == 2
    assert abs(sum(runs.made[0].takes) - quiet) < 2400


def test_a_run_ends_before_its_tokens_are_used_up():
    runs = Runs(tokens_a_word=15)
    text = said(Stream(runs, CHUNKING), speech(20), 1600)
    assert {int(word) for word in text.split()} == set(range(1, 21))
    assert all(run.token_count < MOST_TOKENS for run in runs.made)
    assert len(runs.made) == 2


def _runs_of(words):
    """A word that a cut went through is said by both runs: once is meant."""
    return [(w, i) for i, w in enumerate(words) if i == 0 or words[i - 1] != w]
