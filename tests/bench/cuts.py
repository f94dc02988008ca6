"""At the cap: may a cut lie before the last pause, or before the last commit?

The product's lower bound is the last confirmed pause, known from the samples alone. The other
rule takes the last commit's end of speech, which depends on what the engine answered. Both on
monologues without a pause long enough to end an utterance.
"""

import itertools
from typing import Any

import numpy as np

from fakes.typed_text import TypedText
from swictation.asr.stabilizer import Step
from swictation.audio.framer import Framer
from swictation.config.settings import Settings, TextSettings, VadSettings
from swictation.daemon import wiring
from swictation.types import (
    Commit,
    Frame,
    Point,
    Samples,
    SilenceConfirmed,
    SpeechEnded,
    to_samples,
)
from swictation.vad.endpointer import Endpointer
from swictation.vad.silero_cpu import SileroCpu
from tests.bench import score
from tests.bench.context import Context
from tests.bench.corpus import Clip, clips
from tests.bench.recogniser import Recogniser, recogniser

_PAUSES_S = (0.25, 0.45, 0.6)
"""Longest pause that is left: below k2, above it, just under the hang-over."""
_ROTATIONS = 3


class _ByCommit(Endpointer):
    """The other rule: a pause at which nothing was committed is no lower bound for a cut."""

    def __init__(self, settings: VadSettings) -> None:
        super().__init__(settings)
        self._committed_to = -1

    def feed(self, frame: Frame, probability: float) -> list[Point]:
        self._before = self._open.pause_end if self._open else -1
        return super().feed(frame, probability)

    def nothing_committed(self) -> None:
        """The pause that was just confirmed brought no commit."""
        if self._open and self._before >= 0:
            self._open.pause_end = self._before


def run(context: Context) -> dict[str, Any]:
    spoken = clips("read", "long")
    found: dict[str, Any] = {}
    for pause_s in _PAUSES_S:
        found[f"pauses to {pause_s} s"] = _compare(context.model, spoken, pause_s, 0.8)
    found["hang-over 3.0 s"] = _compare(context.model, spoken, 2.0, 3.0)
    return found


def _compare(model: str, spoken: list[Clip], pause_s: float, hang_over_s: float) -> dict[str, Any]:
    settings = VadSettings(hang_over_s=hang_over_s)
    pairs: dict[str, list[tuple[str, str]]] = {"by_pause": [], "by_commit": []}
    cuts = dict.fromkeys(pairs, 0)
    differing = 0
    for turn in range(_ROTATIONS):
        first = turn * len(spoken) // _ROTATIONS
        order = spoken[first:] + spoken[:first]
        sound = np.concatenate([_squeezed(clip.samples(), pause_s) for clip in order])
        text = " ".join(clip.text for clip in order)
        name = f"monologue {turn} {pause_s} {hang_over_s}"
        by_pause = _monologue(name, sound, recogniser(model), Endpointer(settings))
        by_commit = _monologue(name, sound, recogniser(model), _ByCommit(settings))
        for key, (heard, ends) in (("by_pause", by_pause), ("by_commit", by_commit)):
            pairs[key].append((text, heard))
            cuts[key] += len(ends)
        differing += len(set(by_commit[1]) - set(by_pause[1]))
    return {
        **{key: {**score.word_errors(found), "cuts": cuts[key]} for key, found in pairs.items()},
        "cuts_elsewhere": differing,
    }


def _squeezed(samples: Samples, pause_s: float) -> Samples:
    """The clip with its pauses, as the detector hears them, cut down to `pause_s`."""
    detector, framer = SileroCpu(), Framer()
    kept: list[Samples] = []
    silence, most = 0, to_samples(pause_s) // 512
    for frame in framer.feed(samples) + framer.flush():
        silence = 0 if detector.probability(frame.samples) >= 0.35 else silence + 1
        if silence <= most:
            kept.append(frame.samples)
    return np.concatenate(kept)


def _monologue(
    name: str, samples: Samples, engine: Recogniser, endpointer: Endpointer
) -> tuple[str, list[int]]:
    """The text, and where it was cut; every decode is answered before the next frame."""
    stabilizer = wiring.stabilizer(Settings(), itertools.count(1))
    composer = TypedText(TextSettings(), "en")
    detector, framer = SileroCpu(), Framer()
    typed: list[str] = []
    cuts: list[int] = []

    def take(steps: list[Step]) -> int:
        commits = 0
        for step in steps:
            if isinstance(step, Commit):
                typed.append(composer.append(step))
                commits += 1
            else:
                answer = engine.decode(name, step, samples)
                commits += take(stabilizer.answer(step.number, answer))
        return commits

    def handle(points: list[Point]) -> None:
        for point in points:
            commits = take(stabilizer.points([point]))
            is_unsure = isinstance(point, SilenceConfirmed) and not commits
            if is_unsure and isinstance(endpointer, _ByCommit):
                endpointer.nothing_committed()
            if isinstance(point, SpeechEnded) and point.reason == "cap":
                cuts.append(point.last_sample)

    for frame in framer.feed(samples) + framer.flush():
        handle(endpointer.feed(frame, detector.probability(frame.samples)))
    handle(endpointer.flush(len(samples)))
    return "".join(typed).strip(), cuts
