"""What the model is trained on: a window of a sound, what was said before it, what is said in it.

That is all that a stream ever asks. Windows begin and end anywhere, so the model learns to stop at
what it has not heard, and to go on behind what it has written.
"""

import random
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from canary.tiny.sentences import Sentence
from swictation.types import Samples, to_samples

WINDOW_S = 5.0
_HEARD_S = 0.05
"""So long after its end a word has been heard ..."""
_UNHEARD_S = 0.15
"""... and so long before it, it has not: between the two nothing is asked."""
_MANY = 0.2
_CUT = 0.55
_LOUD = 1.6
_QUIET = 0.03
_TAILS_S = (0.3, 1.5)
"""The program itself leaves 0.2 s behind the last word."""
_ROOMS = (0.0, 5.0)
_NOISES = (0.0, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3)


@dataclass(frozen=True)
class Said:
    """A word in a sound, by its samples."""

    text: str
    begin: int
    end: int


@dataclass(frozen=True, eq=False)
class Exercise:
    """`sound`: float32 (n,), 16 kHz. The words are to be written in order, behind `history`."""

    sound: NDArray[np.float32]
    history: tuple[str, ...]
    words: tuple[Said, ...]
    """Those heard in it; begin and end count from its first sample."""


class Exercises:
    """As many as are asked for, the same for the same seed."""

    def __init__(self, sentences: tuple[Sentence, ...], seed: int) -> None:
        self._sentences = sentences
        self._dice = random.Random(seed)
        self._noise = np.random.default_rng(seed)

    def one(self, number: int) -> Exercise:
        """About the sentence of that number, in turn; sometimes among others."""
        said = [self._sentences[number % len(self._sentences)]]
        if self._dice.random() < _MANY:
            # None twice, or it learns to say it again.
            others = [one for one in self._sentences if one is not said[0]]
            said = self._dice.sample(others, k=self._dice.randint(1, 2)) + said
        sound, words = self._spoken(said)
        last = self._end(len(sound), words)
        first = max(0, last - to_samples(self._dice.uniform(WINDOW_S - 0.5, WINDOW_S)))
        heard = [word for word in words if word.end <= last]
        inside = [
            Said(word.text, word.begin - first, word.end - first)
            for word in heard
            if word.begin >= first
        ]
        history = tuple(word.text for word in heard[: len(heard) - len(inside)])
        return Exercise(self._recorded(sound[first:last]), history, tuple(inside))

    def plain(self, number: int) -> Exercise:
        """The sentence of that number alone, and whole."""
        sound, words = self._spoken([self._sentences[number % len(self._sentences)]])
        return Exercise(self._recorded(sound), (), tuple(words))

    def _spoken(self, said: list[Sentence]) -> tuple[Samples, list[Said]]:
        """The sentences one after the other in silence, and where each word is."""
        parts: list[Samples] = [self._silence(0.0, 0.9)]
        words: list[Said] = []
        at = len(parts[0])
        for sentence in said:
            begin = 0
            for text, end in zip(sentence.words, sentence.ends, strict=True):
                words.append(Said(text, at + begin, at + end))
                begin = end
            parts += [sentence.samples, self._silence(0.05, 0.9)]
            at += len(parts[-2]) + len(parts[-1])
        parts[-1] = self._silence(0.0, self._dice.choice(_TAILS_S))
        return np.concatenate(parts), words

    def _silence(self, least_s: float, most_s: float) -> Samples:
        """None at all, or that of a quiet room."""
        length = to_samples(self._dice.uniform(least_s, most_s))
        noise = self._noise.standard_normal(length) * self._dice.choice(_ROOMS)
        return np.round(noise).astype(np.int16)

    def _end(self, length: int, words: list[Said]) -> int:
        """Where the window ends: with the sound, or where it is clear which words were said."""
        if self._dice.random() > _CUT:
            return length
        before = self._dice.randrange(len(words))
        begin = words[before - 1].end + to_samples(_HEARD_S) if before else to_samples(0.3)
        end = words[before].end - to_samples(_UNHEARD_S)
        return max(begin, self._dice.randint(min(begin, end), end), to_samples(0.3))

    def _recorded(self, samples: Samples) -> NDArray[np.float32]:
        """As a microphone might have heard it: louder, softer, with noise, rounded to 16 bits."""
        dice = self._dice
        gain = _QUIET * (_LOUD / _QUIET) ** dice.random()
        noise = self._noise.standard_normal(len(samples)) * dice.choice(_NOISES)
        heard = samples.astype(np.float32) / 32768 * gain + noise * min(1.0, gain * 4)
        return (np.round(np.clip(heard, -1, 1) * 32767) / 32768).astype(np.float32)
