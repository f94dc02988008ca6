"""What happens, as lines of JSON for `--events`: the only place where text is written to a file."""

import logging
import os
from pathlib import Path

import msgspec
import psutil
from msgspec import UNSET, UnsetType
from msgspec.structs import asdict

from swictation.clock import Clock
from swictation.daemon.eventfile import EventFile, open_private
from swictation.events import (
    DetectorFailed,
    DetectorMoved,
    DetectorRecovered,
    FrameSkipped,
    Injected,
    SpoolFailed,
    SpoolRecovered,
    StateChanged,
    TextHeld,
    ThreadFailed,
    WorkerFailed,
    WorkerGone,
    WorkerReady,
)
from swictation.facts import (
    ConfigRejected,
    CpuStandbyFailed,
    DeliveryDoubted,
    EngineFailed,
    Fact,
    Fault,
    FileRunEnded,
    GpuActionTaken,
    HeldReduced,
    InjectorUnavailable,
    LossEnded,
    LossGrew,
    MicrophoneChanged,
    MicrophoneFailed,
    ModelUnavailable,
    PartialTranscript,
    RetryStateChanged,
    ServiceModeDegraded,
    StatusChanged,
    StoppedEarly,
    TextCommitted,
    UtteranceDelivered,
    UtteranceQuarantined,
    UtteranceTranscribed,
    WorkerRecycled,
    WorkerReplaced,
)
from swictation.gpu.manager.effects import Gained, LevelChanged
from swictation.shown import json_line
from swictation.types import MIB, SpeechEnded, SpeechStarted, to_seconds

_KINDS: dict[type[Fault], str] = {
    ConfigRejected: "config",
    CpuStandbyFailed: "spare",
    DeliveryDoubted: "doubt",
    DetectorFailed: "detector",
    EngineFailed: "engine",
    FrameSkipped: "detector",
    InjectorUnavailable: "window",
    LossGrew: "audio-lost",
    MicrophoneFailed: "microphone",
    ModelUnavailable: "model",
    ServiceModeDegraded: "placement",
    SpoolFailed: "spool",
    StoppedEarly: "stopped",
    ThreadFailed: "thread",
    UtteranceQuarantined: "set-aside",
    WorkerFailed: "refused",
    WorkerReplaced: "worker",
}
"""As in the `fault` lines."""

_log = logging.getLogger(__name__)


class Line(msgspec.Struct, frozen=True):
    """A line but for its time, as docs/cli.md promises it."""

    event: str
    audio_s: float | None
    """The moment in the sound that it is about."""
    fields: dict[str, object]


class EventLog:
    """A listener: one object a line, `{"t_s", "event", "audio_s", ...}`. Nothing depends on it."""

    def __init__(self, path: Path | None, clock: Clock) -> None:
        """Open `path` for the owner alone; without a path nothing is written.

        Raises:
            UsageError: it cannot be written, or others could read it.
        """
        self._clock = clock
        self._begun_s = clock.now_s()
        self._file = EventFile(open_private(path)) if path else None

    @property
    def has_reader(self) -> bool:
        """Whether anybody asked for the events, partial text included."""
        return self._file is not None

    def on_fact(self, fact: Fact) -> None:
        """Note it at the present moment."""
        if self._file is None or (line := line_of(fact)) is None:
            return
        record: dict[str, object] = {
            "t_s": round(self._clock.now_s() - self._begun_s, 4),
            "event": line.event,
            "audio_s": None if line.audio_s is None else round(line.audio_s, 3),
            **line.fields,
        }
        try:
            self._file.write(json_line(record).encode() + b"\n")
        except OSError as error:
            self._file.abandon()
            self._file = None
            _log.warning("events are no longer written: %s", error.strerror)

    def close(self) -> None:
        """End the file."""
        if self._file is not None and (lost_bytes := self._file.close()):
            _log.warning("the last %d bytes of the events were read by nobody", lost_bytes)


def line_of(fact: Fact) -> Line | None:
    """How a fact is written; None: it is not."""
    if isinstance(fact, Fault):
        return _fault(fact)
    match fact:
        case StateChanged(state, at_s):
            return Line("state", at_s, {"state": state})
        case FileRunEnded(at_s, usage):
            return Line("state", at_s, {"state": "stopped", **usage})
        case SpeechStarted() | SpeechEnded() | PartialTranscript() | TextCommitted():
            return _speech(fact)
        case UtteranceTranscribed():
            return Line("final", fact.end_s, _final(fact))
        case UtteranceDelivered() | StatusChanged():
            return None  # other lines tell all of it
        case RetryStateChanged(number, at_s, state):
            return Line("retry", at_s, {"utterance": number, "state": state})
        case Injected():
            return Line("injected", None, _injected(fact))
        case TextHeld() | HeldReduced():
            return Line("held", None, asdict(fact))
        case SpoolRecovered():
            return Line("spool", None, {"state": "recovered"})
        case DetectorRecovered(sample):
            return Line("detector", to_seconds(sample), {"state": "recovered"})
        case LossEnded(samples):
            return Line("loss", None, {"state": "over", "samples": samples})
        case MicrophoneChanged():
            return Line("microphone", None, asdict(fact))
        case WorkerReady() | WorkerGone() | WorkerRecycled():
            return Line("worker", None, _worker(fact))
        case GpuActionTaken(action, reason, to):
            return Line("card", None, {"action": action, "reason": reason} | _to(to))
        case DetectorMoved(seat, reason):
            return Line("card", None, {"action": "detector-moved", "reason": reason, "to": seat})
        case Gained():
            return Line("gained", None, asdict(fact))
        case LevelChanged():
            return Line("level", None, asdict(fact))


def _speech(fact: SpeechStarted | SpeechEnded | PartialTranscript | TextCommitted) -> Line:
    fields: dict[str, object] = {"utterance": fact.utterance}
    match fact:
        case SpeechStarted():
            return Line("speech_started", to_seconds(fact.first_sample), fields)
        case SpeechEnded():
            fields["reason"] = fact.reason
            return Line("speech_ended", to_seconds(fact.last_sample), fields)
        case PartialTranscript():
            fields |= {"text": fact.text, "cpu_s": round(fact.cpu_s, 4)}
            return Line("partial", fact.audio_s, fields)
        case TextCommitted():
            overhead_ms = round(fact.overhead_ms, 2)
            fields |= {"n": fact.number, "text": fact.text, "overhead_ms": overhead_ms}
            return Line("commit", fact.audio_s, fields)


def _final(fact: UtteranceTranscribed) -> dict[str, object]:
    start_s, end_s = round(fact.start_s, 3), round(fact.end_s, 3)
    return {**asdict(fact), "start_s": start_s, "end_s": end_s}


def _injected(fact: Injected) -> dict[str, object]:
    fields: dict[str, object] = {"utterance": fact.utterance, "n": fact.number}
    return fields | {"outcome": fact.outcome, "reason": fact.reason}


def _worker(fact: WorkerReady | WorkerGone | WorkerRecycled) -> dict[str, object]:
    match fact:
        case WorkerRecycled(rss_mib):
            return {"state": "recycled", "rss_mib": rss_mib}
        case WorkerGone():
            return {"state": "gone", "seat": fact.seat, "generation": fact.generation}
        case WorkerReady():
            return {
                "state": "ready",
                "generation": fact.generation,
                "pid": fact.pid,
                "seat": fact.seat,
                "device": fact.capabilities.device,
                "load_s": round(fact.load_s, 3),
            }


def _to(to: str | UnsetType | None) -> dict[str, object]:
    return {} if to is UNSET else {"to": to}


def _fault(fact: Fault) -> Line:
    fields: dict[str, object] = {"kind": _KINDS[type(fact)], "message": fact.message}
    match fact:
        case UtteranceQuarantined():
            fields |= {"utterance": fact.utterance, "path": fact.path}
        case DeliveryDoubted():
            fields["utterance"] = fact.utterance
        case LossGrew():
            fields["samples"] = fact.total_samples
        case EngineFailed() | CpuStandbyFailed():
            fields["remedy"] = fact.remedy
        case _:
            pass
    return Line("fault", None, fields)


def of_process(pid: int | None) -> dict[str, float]:
    """Resident memory in MiB and CPU time in s of a process; empty when there is none."""
    try:
        process = psutil.Process(pid) if pid else None
        if process is None:
            return {}
        cpu = process.cpu_times()
        return {
            "rss_mib": round(process.memory_info().rss / MIB, 1),
            "cpu_s": round(cpu.user + cpu.system, 2),
        }
    except psutil.Error:
        return {}


def snapshot(worker_pid: int | None) -> dict[str, object]:
    """Daemon, worker and the memory that the machine has to spare."""
    return {
        "daemon": of_process(os.getpid()),
        "worker": of_process(worker_pid),
        "mem_available_mib": psutil.virtual_memory().available // MIB,
    }
