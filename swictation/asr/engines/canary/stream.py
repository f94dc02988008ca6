"""The text of an utterance whose sound comes bit by bit: a cache of what was heard of it so far.

What it says of the same sound is the same, in whatever bits it came: chunks are counted from the
first sample, and an end is tried on a fork. Two things end a run of the decoder before the
utterance: its tokens are nearly used up, then it ends at the quietest place of the next chunk; or
the model falls silent while speech goes on, then what it did not transcribe is heard again.
"""

from collections.abc import Callable
from typing import Protocol

import numpy as np

from swictation.asr.engine import Waveform
from swictation.errors import EngineError
from swictation.loudness import QUIET_SAMPLES, energy_before, quietest
from swictation.types import Chunking, to_samples

MOST_TOKENS = 256
"""Of NeMo's state, prompt included: AlignAtt falls silent there, wait-k reaches beyond its end."""
_LONGEST_RUN = to_samples(25.0)
_TOKENS_SPARED = 40
"""More than a chunk and the look-ahead ever bring."""
_LEAST_HEARD = to_samples(0.3)
"""Shorter sound has too few frames to be normalised: it is followed by silence."""
_MOST_SILENCES = 3
"""A model that falls silent so often in one utterance is at fault."""


class Run(Protocol):
    """The decoder over sound from some sample on; see `steps.Steps`."""

    @property
    def is_full(self) -> bool:
        """Whether it brings nothing more, though speech may go on."""
        ...

    @property
    def token_count(self) -> int:
        """How many tokens it holds, the prompt included."""
        ...

    def fork(self) -> "Run":
        """One that has heard the same, and of which this one knows nothing any more."""
        ...

    def take(self, samples: Waveform, *, is_last: bool) -> None:
        """Hear the next samples: as many as a chunk has, or the last."""
        ...

    def text(self, *, whole_words: bool, tokens: int | None = None) -> str:
        """What it brought, or had brought when it held so many tokens."""
        ...


class Stream:
    """One utterance. On one thread, in torch's inference mode."""

    def __init__(self, new_run: Callable[[], Run], chunking: Chunking) -> None:
        """`new_run` begins a run of the decoder; `chunking`: `Window.chunking`."""
        self._new_run = new_run
        self._first, self._every = chunking.first_samples - 1, chunking.every_samples
        self._done: list[str] = []
        """What earlier runs brought."""
        self._silences = 0
        self._known: Waveform = np.zeros(0, np.float32)
        """All of the sound that any run has heard."""
        self._begin(0)

    def continues(self, waveform: Waveform) -> bool:
        """Whether all that was heard is the beginning of `waveform`, sample for sample."""
        known = self._known
        return len(known) <= len(waveform) and np.array_equal(known, waveform[: len(known)])

    def feed(self, waveform: Waveform) -> str:
        """Hear the chunks that `waveform` fills; the words that no later sound will change.

        Args:
            waveform: float32 (n,), the utterance from its first sample.

        Raises:
            EngineError: the model fell silent again and again, or computed no numbers.
            Exception: whatever the device says.
        """
        self._take_chunks(waveform)
        return self._joined(self._run.text(whole_words=True))

    def end(self, waveform: Waveform) -> str:
        """Hear `waveform` to its end; all of its text. The stream may go on all the same.

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
        """As long as something is left for a last step, without which no tail would come."""
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
        """The run fell silent in the last chunk: drop what came of it, and hear it in a new one.

        `tokens`: how many there were before; `begin`: where the chunk begins. What looked ahead
        into it has said nothing of it yet.
        """
        self._silences += 1
        again_from = max(self._begun, begin - (self._first - self._every))
        if self._silences > _MOST_SILENCES or again_from == self._begun:
            raise EngineError("The model falls silent though speech goes on.")
        self._done.append(self._run.text(whole_words=False, tokens=tokens))
        self._begin(again_from)

    def _is_worn(self) -> bool:
        is_long = self._taken - self._begun >= _LONGEST_RUN
        return is_long or self._run.token_count > MOST_TOKENS - _TOKENS_SPARED

    def _end_run(self, waveform: Waveform) -> None:
        """End the run in the next chunk, where that is quietest, and begin another there."""
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
    """The middle of the quietest 150 ms; at least one sample lies before it."""
    return max(1, quietest(energy_before(chunk), min(QUIET_SAMPLES, len(chunk) - 1)))
