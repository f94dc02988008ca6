"""The streaming path in virtual time: the audio clock advances, a decode lasts what it cost.

The product's own listener, commit rule and engine, without processes, so that no load on the
machine can hurry or delay a point. Sound arrives in the blocks of a microphone, one decode runs at
a time, and a speculative decode is sent when its point arrives, as the product does: it costs its
time even where speech resumes before it counts.
"""

import heapq
import itertools

import msgspec

from fakes.typed_text import TypedText
from swictation.asr.stabilizer import Step
from swictation.audio.framer import Framer
from swictation.audio.source import BLOCK_SAMPLES
from swictation.config.settings import Settings, TextSettings, VadSettings
from swictation.daemon import wiring
from swictation.types import (
    SAMPLE_RATE_HZ,
    Commit,
    DecodeRequest,
    Hypothesis,
    Point,
    Samples,
    SpeechEnded,
)
from swictation.vad.endpointer import Endpointer
from swictation.vad.gate import EnergyGate
from swictation.vad.level import AutomaticGainControl
from swictation.vad.segmenter import SpeechSegmenter
from swictation.vad.silero_cpu import SileroCpu
from tests.bench.recogniser import Recogniser


class Decoded(msgspec.Struct, frozen=True):
    """A request that was sent, and its answer."""

    request: DecodeRequest
    hypothesis: Hypothesis


class Typed(msgspec.Struct, frozen=True):
    """Text that was committed `at_s` of the virtual clock, 0 being the recording's start."""

    at_s: float
    utterance: int
    text: str


class Journey(msgspec.Struct):
    """What became of one recording."""

    decodes: list[Decoded] = []
    typed: list[Typed] = []
    ends: list[SpeechEnded] = []

    @property
    def text(self) -> str:
        return "".join(piece.text for piece in self.typed).strip()

    def serving(self, end: SpeechEnded) -> Decoded | None:
        """The decode that an utterance's end is waiting for."""
        for decoded in reversed(self.decodes):
            request = decoded.request
            if (request.utterance, request.last_sample) == (end.utterance, end.last_sample):
                return decoded
        return None


def points(samples: Samples, normaliser: AutomaticGainControl | None) -> list[Point]:
    """The decision points of a recording: a function of its samples."""
    listener = SpeechSegmenter(SileroCpu(), Endpointer(VadSettings()), EnergyGate(), normaliser)
    framer = Framer()
    frames = framer.feed(samples) + framer.flush()
    found = [point for frame in frames for point in listener.feed(frame)]
    return found + listener.flush(len(samples))


class _Run:
    def __init__(self, name: str, samples: Samples, engine: Recogniser, cost: str) -> None:
        self.name, self.samples, self.engine, self.cost = name, samples, engine, cost
        self.stabilizer = wiring.stabilizer(Settings(), itertools.count(1))
        self.composer = TypedText(TextSettings(), "en")
        self.worker_free_s = 0.0
        self.answers: list[tuple[float, int, Hypothesis]] = []
        self.journey = Journey()

    def take(self, now_s: float, steps: list[Step]) -> None:
        for step in steps:
            if isinstance(step, Commit):
                text = self.composer.append(step)
                self.journey.typed.append(Typed(now_s, step.utterance, text))
            else:
                self.ask(now_s, step)

    def ask(self, now_s: float, request: DecodeRequest) -> None:
        hypothesis = self.engine.decode(self.name, request, self.samples)
        self.journey.decodes.append(Decoded(request, hypothesis))
        lasts_s = hypothesis.cpu_s if self.cost == "cpu" else hypothesis.decode_s
        self.worker_free_s = max(now_s, self.worker_free_s) + lasts_s
        heapq.heappush(self.answers, (self.worker_free_s, request.number, hypothesis))

    def answer_until(self, now_s: float) -> None:
        while self.answers and self.answers[0][0] <= now_s:
            done_s, number, hypothesis = heapq.heappop(self.answers)
            self.take(done_s, self.stabilizer.answer(number, hypothesis))


def play(
    name: str,
    samples: Samples,
    engine: Recogniser,
    cost: str = "wall",
    heard: Samples | None = None,
    block_samples: int = BLOCK_SAMPLES,
) -> Journey:
    """Play a recording; `cost` says which measured time a decode lasts: "wall" or "cpu".

    `heard`: what the detector hears, as it is, instead of `samples`, which the engine decodes.
    """
    run = _Run(name, samples, engine, cost)
    found = points(samples, AutomaticGainControl()) if heard is None else points(heard, None)
    for blocks, together in itertools.groupby(found, lambda p: -(-p.at_sample // block_samples)):
        block = list(together)
        now_s = blocks * block_samples / SAMPLE_RATE_HZ
        run.answer_until(now_s)
        run.take(now_s, run.stabilizer.points(block))
        run.journey.ends += [point for point in block if isinstance(point, SpeechEnded)]
    run.answer_until(float("inf"))
    return run.journey
