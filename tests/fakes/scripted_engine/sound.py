"""Sound with known words: bursts of real speech, silences between, and where the ear puts them.

The speech is the project's own sample, cut into pieces; which words it "says" is up to the
manifest. Where utterances begin and end is asked of the real detector and endpointer, so that a
change of theirs shows here and not as a riddle in twenty tests.
"""

import functools
import wave
from dataclasses import dataclass, replace
from importlib.resources import as_file, files
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from numpy.typing import NDArray

from swictation.audio.framer import Framer
from swictation.config.settings import Settings
from swictation.daemon.wiring import listener
from swictation.types import SAMPLE_RATE_HZ, Point, SpeechEnded, SpeechStarted, to_samples

BURST_S = 1.2
PAUSE_S = 0.55
"""Within an utterance: longer than k2, shorter than the hang-over."""
GAP_S = 1.3
"""Between utterances: longer than the hang-over."""
EDGE_S = 0.6
WORDS_A_BURST = 3


# At least six letters, none a function word, none part of a message of the program.
_WORDS = [
    "marigold",
    "bicycle",
    "lantern",
    "walnut",
    "harbour",
    "violin",
    "pepper",
    "glacier",
    "anthem",
    "cobweb",
    "thunder",
    "saddle",
    "orchard",
    "pelican",
    "velvet",
    "compass",
    "biscuit",
    "meadow",
    "turnip",
    "quarry",
    "falcon",
    "pebble",
    "raisin",
    "tundra",
    "cactus",
    "feather",
    "gondola",
]


class Word(NamedTuple):
    first_sample: int
    last_sample: int
    text: str


class Heard(NamedTuple):
    """An utterance as the program's ear delimits it, in samples."""

    kept_from: int
    first: int
    last: int


@dataclass(frozen=True)
class Scene:
    """A piece of sound, what is said in it, and what is heard."""

    samples: NDArray[np.int16]
    words: tuple[Word, ...]
    heard: tuple[Heard, ...]

    @property
    def text(self) -> str:
        """What a perfect transcript says."""
        return "".join(word.text for word in self.words).strip()

    def said(self, utterance: int) -> str:
        """The words of one utterance."""
        return self.said_within(self.heard[utterance].first, self.heard[utterance].last)

    def said_within(self, first: int, last: int) -> str:
        """The words whose middle lies there."""
        inside = (w for w in self.words if first <= (w.first_sample + w.last_sample) // 2 < last)
        return "".join(word.text for word in inside).strip()

    def without(self, *utterances: int) -> str:
        """What a transcript says in which these utterances are missing."""
        rest = (self.said(n) for n in range(len(self.heard)) if n not in utterances)
        return " ".join(rest)

    def write(self, path: Path) -> Path:
        """As a WAV file."""
        return write_wav(path, self.samples)


@functools.cache
def make_scene(*bursts: int) -> Scene:
    """A scene with an utterance of so many bursts for each argument.

    Each burst is a sentence of three words with a capital and a full stop.
    """
    parts = [_silence(EDGE_S)]
    words: list[Word] = []
    at = len(parts[0])
    names = iter(_WORDS)
    for number, count in enumerate(bursts):
        for burst in range(count):
            sound = _burst(burst + number)
            words += _spread(at, at + len(sound), [next(names) for _ in range(WORDS_A_BURST)])
            quiet = _silence(PAUSE_S if burst < count - 1 else GAP_S)
            parts += [sound, quiet]
            at += len(sound) + len(quiet)
    samples = np.concatenate(parts)
    scene = Scene(samples, tuple(words), _heard(samples))
    assert len(scene.heard) == len(bursts), f"{len(scene.heard)} of {len(bursts)} are heard"
    assert scene.without() == scene.text, "not every word lies in what is heard"
    return scene


def ticking(scene: Scene) -> Scene:
    """The same sound, for a microphone, whose samples begin anywhere: a new word each half second.

    So every word has its moment, whatever is heard; none comes twice.
    """
    names = (first + second for first in _WORDS for second in _WORDS)
    step = to_samples(0.5)
    words = (Word(n * step, (n + 1) * step, f" {name}") for n, name in enumerate(names))
    return replace(scene, words=tuple(words))


def repeated(scene: Scene, times: int) -> Scene:
    """The same sound again and again, each word of it another: w00000, w00001, ..."""
    samples, length = np.tile(scene.samples, times), len(scene.samples)
    spans = (
        (word.first_sample + turn * length, word.last_sample + turn * length)
        for turn in range(times)
        for word in scene.words
    )
    words = tuple(Word(*span, f" w{number:05d}") for number, span in enumerate(spans))
    return Scene(samples, words, _heard(samples))


def write_wav(path: Path, samples: NDArray[np.int16]) -> Path:
    """16 kHz, mono, int16."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE_HZ)
        file.writeframes(samples.tobytes())
    return path


def read_wav(path: Path) -> NDArray[np.int16]:
    """The samples of such a file."""
    with wave.open(str(path), "rb") as file:
        assert (file.getnchannels(), file.getframerate()) == (1, SAMPLE_RATE_HZ)
        return np.frombuffer(file.readframes(file.getnframes()), np.int16)


def _spread(first: int, last: int, names: list[str]) -> list[Word]:
    names = [names[0].capitalize(), *names[1:-1], names[-1] + "."]
    edges = np.linspace(first, last, len(names) + 1).astype(int)
    spans = pairwise(int(edge) for edge in edges)
    return [Word(*span, f" {name}") for span, name in zip(spans, names, strict=True)]


def _silence(seconds: float) -> NDArray[np.int16]:
    return np.zeros(to_samples(seconds), np.int16)


@functools.cache
def _sample() -> NDArray[np.int16]:
    resampler = av.AudioResampler("s16", "mono", SAMPLE_RATE_HZ)
    with (
        as_file(files("swictation") / "assets" / "sample.flac") as path,
        av.open(str(path)) as container,
    ):
        blocks = [b for f in container.decode(audio=0) for b in resampler.resample(f)]
    return np.concatenate([block.to_ndarray()[0] for block in blocks])


def _burst(number: int) -> NDArray[np.int16]:
    """The first part of one of the sample's sentences, by turns."""
    sample = _sample()
    loud = np.flatnonzero(np.abs(sample.astype(np.int32)) > 500)
    gaps = np.flatnonzero(np.diff(loud) > to_samples(0.3))
    onsets = [int(loud[0]), *(int(loud[gap + 1]) for gap in gaps)]
    onset = onsets[number % len(onsets)]
    return sample[onset : onset + to_samples(BURST_S)]


def _heard(samples: NDArray[np.int16]) -> tuple[Heard, ...]:
    framer, ear = Framer(), listener(Settings())
    points: list[Point] = []
    for frame in [*framer.feed(samples), *framer.flush()]:
        points += ear.feed(frame)
    points += ear.flush(len(samples))
    starts = [point for point in points if isinstance(point, SpeechStarted)]
    ends = [point for point in points if isinstance(point, SpeechEnded)]
    return tuple(
        Heard(start.kept_from_sample, start.first_sample, end.last_sample)
        for start, end in zip(starts, ends, strict=True)
    )
