"""Does a level normaliser before the detector hear quiet and hoarse speakers better?

Compared: nothing, a gain towards -20 dBFS as recorders have it, and the product's, which raises
only what stays below -38 dBFS. The detector alone hears it; the engine decodes what was said.
"""

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np

from swictation.types import FRAME_SAMPLES, Samples, to_samples
from swictation.vad.level import AutomaticGainControl
from swictation.vad.silero_cpu import SileroCpu
from tests.bench import hoarse, score, virtual
from tests.bench.context import Context
from tests.bench.corpus import clips, scaled
from tests.bench.gate import frames_of
from tests.bench.offsets import Stretch, stretches
from tests.bench.recogniser import recogniser

_GAINS = (1.0, 0.1, 0.03)


NORMALISERS: dict[str, Callable[[], Callable[[Samples], Samples]]] = {
    "none": lambda: lambda samples: samples,
    "to_-20_dbfs": lambda: (
        AutomaticGainControl(target_db=-20.0, most_db=20.0, decay_db_per_s=1.5).apply
    ),
    "product": lambda: AutomaticGainControl().apply,
}


class Take(msgspec.Struct):
    """Something said (or a noise: no text), and where speech is in it."""

    name: str
    samples: Samples
    text: str
    spoken: list[Stretch]


def run(context: Context) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, takes in _materials().items():
        for gain in _GAINS:
            row = {
                kind: _measure(context.model, takes, gain, f"{name} {gain} {kind}", make)
                for kind, make in NORMALISERS.items()
            }
            found[f"{name} x {gain:g}"] = row
    return found


def _materials() -> dict[str, list[Take]]:
    spoken = clips("read", "long")
    read = [clip for clip in spoken if clip.kind == "read"]
    plain = [
        Take(clip.name, clip.samples(), clip.text, stretches(clip.samples())) for clip in spoken
    ]
    found = {
        "speech": plain,
        "whispered": [
            Take(take.name, hoarse.whispered(take.samples), take.text, take.spoken)
            for take in plain[: len(read)]
        ],
        "noise": [Take(clip.name, clip.samples(), "", []) for clip in clips("noise")],
    }
    if hoarse.can_synthesise():
        for voice in hoarse.VOICES:
            sounds = [(clip, hoarse.spoken(clip.text, voice)) for clip in read]
            found[voice] = [Take(c.name, s, c.text, stretches(s)) for c, s in sounds]
    return found


def _measure(
    model: str,
    takes: list[Take],
    gain: float,
    key: str,
    make: Callable[[], Callable[[Samples], Samples]],
) -> dict[str, Any]:
    heard = speech = utterances = 0
    pairs: list[tuple[str, str]] = []
    for take in takes:
        quieter = scaled(take.samples, gain)
        normalise = make()
        framed = [normalise(frame.samples) for frame in frames_of(quieter)]
        levelled = np.concatenate(framed)[: len(quieter)]
        hits = _detected(framed, take.spoken)
        heard, speech = heard + hits[0], speech + hits[1]
        journey = virtual.play(f"{key} {take.name}", quieter, recogniser(model), heard=levelled)
        utterances += len(journey.ends)
        pairs.append((take.text, journey.text))
    if not speech:
        words = sum(len(score.words(text)) for _, text in pairs)
        return {"utterances": utterances, "invented_words": words}
    return {
        "heard_percent": round(100 * heard / speech, 1),
        "utterances": utterances,
        **score.word_errors(pairs),
    }


def _detected(framed: list[Samples], spoken: list[Stretch]) -> tuple[int, int]:
    """Frames of speech that the detector takes for speech, and all of them."""
    detector = SileroCpu()
    said = [detector.probability(samples) for samples in framed]
    inside = [
        at
        for on, off in spoken
        for at in range(to_samples(on) // FRAME_SAMPLES, to_samples(off) // FRAME_SAMPLES)
    ]
    return sum(said[at] >= 0.5 for at in inside), len(inside)
