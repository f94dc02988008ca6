"""The product's engine and the plain way beside it, on one thread, with what each decode costs."""

import time
from functools import cache

import msgspec
import numpy as np
from faster_whisper import WhisperModel

from swictation.asr.engine import EngineSpec, Waveform
from swictation.asr.engines.whisper.engine import WhisperEngine
from swictation.asr.engines.whisper.loading import load
from swictation.models.store.store import locate
from swictation.types import DecodeRequest, Hypothesis, Samples

THREADS = 1
"""More would spin while they wait: CPU time would then say little about work."""


class Cost(msgspec.Struct, frozen=True):
    cpu_s: float
    wall_s: float


def waveform(samples: Samples) -> Waveform:
    return samples.astype(np.float32) / 32768.0


class Recogniser:
    """Answers the product's requests about one recording at a time; each is decoded once."""

    def __init__(self, model: str, **options: float) -> None:
        location = locate(model, "en")
        spec = EngineSpec(
            "whisper", model, str(location.path), "en", {"cpu_threads": THREADS, **options}
        )
        self._engine: WhisperEngine = load(spec)
        self._known: dict[tuple[object, ...], Hypothesis] = {}
        self.beam = 5 if model.startswith("tiny") else 1
        self.decode("warm-up", DecodeRequest(0, 0, 0, 16000), np.zeros(16000, np.int16))

    def decode(self, recording: str, request: DecodeRequest, samples: Samples) -> Hypothesis:
        """Answer `request` about the whole `samples` of `recording`; zeros behind their end."""
        first, last = request.first_sample, request.last_sample
        key = (recording, first, last, request.forced_text, request.partial)
        if key not in self._known:
            heard = np.zeros(last - first, np.int16)
            part = samples[first:last]
            heard[: len(part)] = part
            self._known[key] = self._engine.decode(request, waveform(heard))
        return self._known[key]


class Plain:
    """faster-whisper as it comes: every utterance padded to 30 s. Same weights, same threads."""

    def __init__(self, model: str, beam: int) -> None:
        path = str(locate(model, "en").path)
        self._model = WhisperModel(path, device="cpu", compute_type="int8", cpu_threads=THREADS)
        self._beam = beam
        self.utterance(np.zeros(16000, np.int16))

    def utterance(self, samples: Samples) -> tuple[str, Cost]:
        """One cut of a voice activity detector."""
        return self._transcribe(samples, without_timestamps=True)

    def recording(self, samples: Samples) -> tuple[str, Cost]:
        """A whole file: offline, with every word's context on both sides."""
        return self._transcribe(samples, without_timestamps=False)

    def _transcribe(self, samples: Samples, *, without_timestamps: bool) -> tuple[str, Cost]:
        wall_s, cpu_s = time.monotonic(), time.process_time()
        segments, _ = self._model.transcribe(
            waveform(samples),
            language="en",
            beam_size=self._beam,
            temperature=0.0,
            condition_on_previous_text=False,
            without_timestamps=without_timestamps,
            vad_filter=False,
        )
        text = "".join(segment.text for segment in segments)
        return text, Cost(time.process_time() - cpu_s, time.monotonic() - wall_s)


@cache
def recogniser(model: str, threads: int = THREADS) -> Recogniser:
    return Recogniser(model, cpu_threads=threads)


@cache
def plain(model: str) -> Plain:
    return Plain(model, recogniser(model).beam)
