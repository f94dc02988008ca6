"""What the energy gate saves and what it costs: CPU of listening, speech that it lets pass by."""

import time
from typing import Any

import msgspec
import numpy as np

from swictation.audio.framer import Framer
from swictation.config.settings import VadSettings
from swictation.types import Frame, Samples, SpeechEnded, to_samples
from swictation.vad.endpointer import Endpointer
from swictation.vad.gate import EnergyGate
from swictation.vad.level import AutomaticGainControl
from swictation.vad.segmenter import SpeechSegmenter
from swictation.vad.silero_cpu import SileroCpu
from tests.bench.context import Context
from tests.bench.corpus import SPEECH_KINDS, clips, scaled

_FRAME_S = 0.032


class _Counting:
    """A detector that remembers what it said of each frame it was given."""

    def __init__(self) -> None:
        self._silero = SileroCpu()
        self.said: list[float] = []

    def probability(self, samples: Samples) -> float:
        self.said.append(self._silero.probability(samples))
        return self.said[-1]

    def reset(self) -> None:
        self._silero.reset()


class Heard(msgspec.Struct):
    frames: int
    heard: int
    speech_frames: int
    cpu_s: float
    utterances: int
    spans: list[tuple[int, int]]


def listen(frames: list[Frame], *, is_gated: bool) -> Heard:
    """Play frames to a fresh listener, with and without the gate before the detector."""
    detector = _Counting()
    gate = EnergyGate() if is_gated else None
    listener = SpeechSegmenter(detector, Endpointer(VadSettings()), gate, AutomaticGainControl())
    begun_s = time.process_time()
    points = [point for frame in frames for point in listener.feed(frame)]
    cpu_s = time.process_time() - begun_s
    points += listener.flush(frames[-1].end_sample)
    ends = [point for point in points if isinstance(point, SpeechEnded)]
    return Heard(
        frames=len(frames),
        heard=len(detector.said),
        speech_frames=sum(said >= 0.5 for said in detector.said),
        cpu_s=cpu_s,
        utterances=len(ends),
        spans=[(end.utterance, end.last_sample) for end in ends],
    )


def frames_of(samples: Samples) -> list[Frame]:
    framer = Framer()
    return framer.feed(samples) + framer.flush()


def _silence() -> list[Samples]:
    """Two minutes of a quiet microphone: -65 dBFS, above the gate's least level."""
    noise = np.random.default_rng(2).standard_normal(to_samples(120)) * 18.0
    return [np.round(noise).astype(np.int16)]


def run(_context: Context) -> dict[str, Any]:
    speech = [clip.samples() for clip in clips(*SPEECH_KINDS)]
    return {
        "silence": _compare(_silence()),
        "noise": _compare([clip.samples() for clip in clips("noise")]),
        "speech": _compare(speech),
        "quiet_speech": _compare([scaled(samples, 0.1) for samples in speech]),
    }


def _compare(sounds: list[Samples]) -> dict[str, Any]:
    cut = [frames_of(samples) for samples in sounds]
    pairs = [(listen(f, is_gated=True), listen(f, is_gated=False)) for f in cut]
    gated, always = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    sound_s = _FRAME_S * sum(heard.frames for heard in always)
    return {
        "sound_s": round(sound_s, 1),
        "heard_percent": _percent(sum(h.heard for h in gated), sum(h.frames for h in gated)),
        "gated_percent": _percent(sum(h.cpu_s for h in gated), sound_s),
        "ungated_percent": _percent(sum(h.cpu_s for h in always), sound_s),
        "speech_frames_gated": sum(h.speech_frames for h in gated),
        "speech_frames_ungated": sum(h.speech_frames for h in always),
        "clips_cut_differently": sum(a.spans != b.spans for a, b in pairs),
    }


def _percent(part: float, whole: float) -> float:
    return round(100 * part / whole, 2)
