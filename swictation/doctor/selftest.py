"""The self-test: the speech detector and a real worker on the project's own sample."""

import asyncio
import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from importlib.resources import as_file, files
from shlex import quote

import msgspec
import numpy as np

from swictation.asr.engine import EngineSpec
from swictation.asr.registry import find
from swictation.audio.framer import Framer
from swictation.audio.source import Stop
from swictation.config.settings import Settings, WorkerSettings
from swictation.daemon import wiring
from swictation.daemon.files import file_source
from swictation.doctor.finding import Finding, Subject
from swictation.doctor.model import known
from swictation.errors import EngineError
from swictation.events import Event, WorkerAnswered, WorkerGone, WorkerReady
from swictation.models.catalog.catalog import knows_models
from swictation.types import (
    DecodeRequest,
    Point,
    Samples,
    SpeechEnded,
    SpeechStarted,
    to_seconds,
)
from swictation.worker.supervisor import Supervisor

_ASSETS = files("swictation") / "assets"
_LANGUAGE = "en"
"""The sample's language."""


class _Result(msgspec.Struct):
    load_s: float = 0.0
    decode_s: float = 0.0
    text: str = ""


def selftest(subject: Subject) -> Iterator[Finding]:
    """Transcribe the sample as a dictation would be. Raises EngineError and AudioError."""
    samples = _sample()
    requests = _requests(subject.settings, samples)
    if not requests:
        vad = subject.settings.vad
        found = f"no speech was heard in the sample with [vad] threshold = {vad.threshold}"
        remedy = "lower it, or remove it from the configuration: swictation config path"
        yield Finding("detector", "error", found, remedy)
        return
    speech_s = sum(request.duration_s for request in requests)
    found = f"{speech_s:.1f} s of speech heard in the sample's {to_seconds(len(samples)):.1f} s"
    yield Finding("detector", "ok", found)
    if subject.model is None:
        lacks = "model" if find(subject.settings.asr.engine) else "engine"
        remedy = f"fix the {lacks} first, then type: swictation doctor"
        yield Finding("self-test", "warning", f"skipped: no {lacks}", remedy)
        return
    asr = subject.settings.asr
    has_known = knows_models(asr.engine)
    if has_known:  # another engine need not understand it
        asr = msgspec.structs.replace(asr, language=_LANGUAGE)
    spec = wiring.engine_spec(msgspec.structs.replace(subject.settings, asr=asr), subject.model)
    result = asyncio.run(_decode(spec, subject.settings.worker, requests, samples))
    expected = (_ASSETS / "sample.txt").read_text(encoding="utf-8")
    how = f"loaded in {result.load_s:.1f} s, {speech_s:.1f} s decoded in {result.decode_s:.1f} s"
    if not has_known:
        fix = f"if it understands English, see what it hears: {_transcribe()}"
    elif known(subject.model):
        fix = f"swictation model download --force {subject.model.name}"
    else:
        fix = 'correct [asr] model, or set it to "auto"'
    is_slow = result.decode_s > speech_s
    yield judge(expected, result.text, how, fix, is_slow=is_slow, is_to_know=has_known)


def judge(
    expected: str, heard: str, how: str, fix: str, *, is_slow: bool, is_to_know: bool = True
) -> Finding:
    """Compare the words: all of them right, most, or not even half.

    `is_to_know`: whether the engine has to understand English.
    """
    wanted, got = _words(expected), _words(heard)
    blocks = SequenceMatcher(None, wanted, got, autojunk=False).get_matching_blocks()
    right = sum(block.size for block in blocks)
    found = f"{how}, {right} of {len(wanted)} words right"
    found += "" if is_to_know else ", of an English sample"
    if 2 * right < len(wanted) and is_to_know:
        return Finding("self-test", "error", found, fix)
    if wanted != got:
        return Finding("self-test", "warning", found, fix)
    if is_slow:
        remedy = "end the programs that use the CPU, or use a smaller model: swictation model list"
        return Finding("self-test", "warning", f"{how}: slower than speech", remedy)
    return Finding("self-test", "ok", f"{how}, every word right")


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+(?:'[^\W_]+)?", text.lower())


def _sample() -> Samples:
    blocks: list[Samples] = []
    with as_file(_ASSETS / "sample.flac") as path:
        file_source(path).run(blocks.append, Stop())
    return np.concatenate(blocks)


def _requests(settings: Settings, samples: Samples) -> list[DecodeRequest]:
    """One request for each utterance that the detector hears."""
    segmenter, framer = wiring.listener(settings), Framer()
    points: list[Point] = []
    for frame in (*framer.feed(samples), *framer.flush()):
        points += segmenter.feed(frame)
    points += segmenter.flush(len(samples))
    starts = [point for point in points if isinstance(point, SpeechStarted)]
    ends = [point for point in points if isinstance(point, SpeechEnded)]
    return [
        DecodeRequest(number, start.utterance, start.first_sample, end.last_sample)
        for number, (start, end) in enumerate(zip(starts, ends, strict=True))
    ]


async def _decode(
    spec: EngineSpec, settings: WorkerSettings, requests: list[DecodeRequest], samples: Samples
) -> _Result:
    """Let one worker, started for this, answer all requests. Raises EngineError if it dies."""
    inbox: asyncio.Queue[Event] = asyncio.Queue()
    supervisor = Supervisor(settings, inbox.put_nowait)
    result, waiting = _Result(), list(requests)
    supervisor.start(spec)
    try:
        while True:
            match await inbox.get():
                case WorkerReady() as ready:
                    result.load_s = ready.load_s
                case WorkerAnswered() as answered:
                    result.decode_s += answered.hypothesis.decode_s
                    result.text += f" {answered.hypothesis.new_text}"
                case WorkerGone() as gone:
                    raise gone.error or gone.said or _died(gone.reason)
                case _:
                    continue
            if not waiting:
                return result
            request = waiting.pop(0)
            supervisor.send(request, _padded(samples, request))
    finally:
        await supervisor.stop()


def _padded(samples: Samples, request: DecodeRequest) -> Samples:
    """The request's samples; zeros after the end."""
    heard = samples[request.first_sample : request.last_sample]
    return np.pad(heard, (0, request.last_sample - request.first_sample - len(heard)))


def _died(reason: str) -> EngineError:
    remedy = f"to see what it prints: {_transcribe()}"
    return EngineError(f"the worker with the engine died: {reason}", remedy)


def _transcribe() -> str:
    with as_file(_ASSETS / "sample.flac") as path:
        return f"swictation transcribe -v {quote(str(path))}"
