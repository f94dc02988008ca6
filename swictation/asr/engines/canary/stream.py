"""The text of an utterance whose sound comes piece by piece, with the decoder's state in between.

The same sound gives the same text, in whatever pieces it comes: chunks are counted from the first
sample, and an end is tried on a fork. Two things end a run of the decoder before the utterance
ends. If its tokens are nearly used up, it ends at the quietest place of the next chunk. If the
model falls silent while speech goes on, another run hears what was not transcribed.
"""

from collections.abc import Callable
from typing import Protocol

import numpy as np

from swictation.asr.engine import Waveform
from swictation.errors import EngineError
from swictation.loudness import QUIET_SAMPLES, energy_before, quietest
from swictation.types import Chunking, to_samples

MOST_TOKENS = 256
"""The size of NeMo's state, with the prompt: there AlignAtt falls silent, wait-k overruns it."""
_LONGEST_RUN = to_samples(25.0)
_TOKENS_SPARED = 40
"""More tokens than a chunk and the look-ahead ever bring."""
_LEAST_HEARD = to_samples(0.3)
"""Shorter sound has too few frames to be normalised, so silence is added."""
_MOST_SILENCES = 3
"""A model that falls silent more often in one utterance is faulty."""


class Run(Protocol):
    """The decoder over sound from some sample on; see `steps.Steps`."""

    @property
    def is_full(self) -> bool:
        """Whether no more text comes, though speech may go on."""
        ...

    @property
    def token_count(self) -> int:
        """How many tokens it holds, including the prompt."""
        ...

    def fork(self) -> "Run":
        """Copy the run. The copy has heard the same, and is independent of this one."""
        ...

    def take(self, samples: Waveform, *, is_last: bool) -> None:
        """Hear the next samples: as many as a chunk has, or the last."""
        ...

    def text(self, *, whole_words: bool, tokens: int | None = None) -> str:
        """Return its text, now or when it held that many tokens."""
        ...


class Stream:
    """Transcribes one utterance. On one thread, in torch's inference mode."""

    def __init__(self, new_run: Callable[[], Run], chunking: Chunking) -> None:
        """`new_run` begins a run of the decoder; `chunking`: `Window.chunking`."""
        self._new_run = new_run
        self._first, self._every = chunking.first_samples - 1, chunking.every_samples
        self._done: list[str] = []
        """The texts of earlier runs."""
        self._silences = 0
        self._known: Waveform = np.zeros(0, np.float32)
        """All of the sound that any run has heard."""
        self._begin(0)

    def continues(self, waveform: Waveform) -> bool:
        """Whether `waveform` begins with all that was heard, sample for sample."""
        known = self._known
        return len(known) <= len(waveform) and np.array_equal(known, waveform[: len(known)])

    def feed(self, waveform: Waveform) -> str:
        """Hear the chunks that `waveform` fills; returns the words that will not change.

        Args:
            waveform: float32 (n,), the utterance from its first sample.

        Raises:
            EngineError: the model fell silent too often, or computed no numbers.
            Exception: any error of the device.
        """
        self._take_chunks(waveform)
        return self._joined(self._run.text(whole_words=True))

    def end(self, waveform: Waveform) -> str:
        """Hear `waveform` to its end; returns all of its text. The stream may still go on.

        Arguments and errors are those of `feed`.
        """
        self._take_chunks(waveform)
        last = self._run.fork()
        rest = waveform[self._taken :]
        if self._taken == self._begun and len(rest) < _LEAST_HEARD:
            rest = np.pad(rest, (0, _LEAST_HEARD - len(rest)))
        last.take(rest, is_last=True)
        return self._joined(last.text(whole_words=False))

    def _begin(self, sample: int) -> None:
        self._run = self._new_run()
        self._begun = self._taken = sample
        self._next_end = sample + self._first

    def _take_chunks(self, waveform: Waveform) -> None:
        """Hear whole chunks, but leave something for the last step, which brings the tail."""
        while len(waveform) > self._next_end:
            if self._is_worn():
                self._end_run(waveform)
            else:
                self._take_chunk(waveform)
        if len(self._known) < self._taken:
            self._known = waveform[: self._taken].copy()

    def _take_chunk(self, waveform: Waveform) -> None:
        tokens, begin = self._run.token_count, self._taken
        self._run.take(waveform[begin : self._next_end], is_last=False)
        self._taken = self._next_end
        self._next_end += self._every
        if self._run.is_full:
            self._hear_again(tokens, begin)

    def _hear_again(self, tokens: int, begin: int) -> None:
        """Hear a chunk again in a new run, because the run fell silent in it.

        `tokens`: how many there were before it; `begin`: where it begins. The look-ahead has
        brought no text of it yet.
        """
        self._silences += 1
        again_from = max(self._begun, begin - (self._first - self._every))
        if self._silences > _MOST_SILENCES or again_from == self._begun:
            raise EngineError("The model falls silent although speech goes on.")
        self._done.append(self._run.text(whole_words=False, tokens=tokens))
        self._begin(again_from)

    def _is_worn(self) -> bool:
        is_long = self._taken - self._begun >= _LONGEST_RUN
        return is_long or self._run.token_count > MOST_TOKENS - _TOKENS_SPARED

    def _end_run(self, waveform: Waveform) -> None:
        """End the run at the quietest place of the next chunk, and begin another there."""
        chunk = waveform[self._taken : self._next_end]
        cut = self._taken + _quietest(chunk)
        self._run.take(waveform[self._taken : cut], is_last=True)
        self._done.append(self._run.text(whole_words=False))
        self._taken = cut
        self._known = waveform[:cut].copy()
        self._begin(cut)

    def _joined(self, text: str) -> str:
        return " ".join(part for part in (*self._done, text) if part)


def _quietest(chunk: Waveform) -> int:
    """Find the middle of the quietest 150 ms, at least one sample from the beginning."""
    return max(1, quietest(energy_before(chunk), min(QUIET_SAMPLES, len(chunk) - 1)))
