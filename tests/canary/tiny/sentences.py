"""What the overfitted model knows: six sentences, spoken by espeak-ng word by word.

Word by word, so that where each of them ends is known to the sample: the model learns to write what
was said so far, which is what makes it stream.
"""

import subprocess
from dataclasses import dataclass
from functools import cache
from itertools import accumulate

import numpy as np
import soxr

from swictation.types import SAMPLE_RATE_HZ, Samples, to_samples

TEXTS = (
    "Open the window, please.",
    "What time is the meeting tomorrow?",
    "Send the message to Anna today.",
    "My brother lives near the river.",
    "Nothing is lost, not a single word.",
    "Could you turn the music down?",
)
PAUSE_S = 1.2
"""Between the sentences of `all_of_them`: longer than the hang-over."""
_VOICE = ["-v", "en-us", "-s", "140"]
_ESPEAK_RATE_HZ = 22_050
_WAV_HEADER_BYTES = 44
_GAP_S = 0.06
_QUIET = 150
_MARGIN_S = 0.015
_PEAK = 0.5


@dataclass(frozen=True, eq=False)
class Sentence:
    """A text and its sound: `samples` int16 (n,), 16 kHz, without silence at the edges."""

    text: str
    samples: Samples
    ends: tuple[int, ...]
    """For each word the sample at which it is said."""

    @property
    def words(self) -> tuple[str, ...]:
        return tuple(self.text.split())


@cache
def sentences() -> tuple[Sentence, ...]:
    """All six.

    Raises:
        FileNotFoundError: espeak-ng is not installed.
    """
    return tuple(_spoken(text) for text in TEXTS)


def silence(seconds: float) -> Samples:
    """A quiet room: faint noise, -76 dBFS, the same each time."""
    noise = np.random.default_rng(1).standard_normal(to_samples(seconds)) * 5.0
    return np.round(noise).astype(np.int16)


def padded(sentence: Sentence, before_s: float = 0.5, after_s: float = 1.0) -> Samples:
    """The sentence in a quiet room."""
    return np.concatenate([silence(before_s), sentence.samples, silence(after_s)])


def all_of_them(times: int = 1) -> Samples:
    """One sound of all six, so many times, with pauses that end an utterance."""
    said = [part for one in sentences() for part in (one.samples, silence(PAUSE_S))]
    return np.concatenate([silence(0.5), *(said * times)])


def _spoken(text: str) -> Sentence:
    gap = np.zeros(to_samples(_GAP_S), np.int16)
    words = [_synthesised(word) for word in text.split()]
    ends = tuple(end - len(gap) for end in accumulate(len(word) + len(gap) for word in words))
    whole = np.concatenate([part for word in words for part in (word, gap)])[: ends[-1]]
    return Sentence(text, whole, ends)


def _synthesised(word: str) -> Samples:
    """One word at 16 kHz, its silent edges cut off."""
    command = ["espeak-ng", *_VOICE, "--stdout", word]
    wav = subprocess.run(command, check=True, capture_output=True).stdout
    # The sizes in the header of a piped WAV are wrong: take all that follows it.
    heard = np.frombuffer(wav[_WAV_HEADER_BYTES:], dtype="<i2").astype(np.float32)
    sound = soxr.resample(heard, _ESPEAK_RATE_HZ, SAMPLE_RATE_HZ)
    loud = np.flatnonzero(np.abs(sound) > _QUIET)
    margin = to_samples(_MARGIN_S)
    sound = sound[max(0, loud[0] - margin) : loud[-1] + margin]
    return (sound * (_PEAK * np.iinfo(np.int16).max / np.abs(sound).max())).astype(np.int16)
