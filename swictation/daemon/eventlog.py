"""Writes facts as lines of JSON for `--events`: the only place that writes text to a file."""

import logging
import os
from pathlib import Path

import msgspec
import psutil
from msgspec import to_builtins
from msgspec.structs import asdict

from swictation import events, facts
from swictation.clock import Clock
from swictation.daemon.eventfile import EventFile, open_private
from swictation.facts import Fact, Fault
from swictation.gpu.effects import LevelChanged, MemoryFreed
from swictation.remedies import typeable
from swictation.shown import json_line
from swictation.types import MIB, SpeechEnded, SpeechStarted, to_seconds

_KINDS: dict[type[Fault], str] = {
    facts.ConfigDoubted: "config",
    facts.ConfigRejected: "config",
    facts.CpuStandbyFailed: "spare",
    facts.DeliveryDoubted: "doubt",
    events.DetectorFailed: "detector",
    facts.EngineFailed: "engine",
    events.FrameSkipped: "detector",
    facts.InjectorUnavailable: "window",
    facts.LossGrew: "audio-lost",
    facts.MicrophoneFailed: "microphone",
    facts.ModelUnavailable: "model",
    facts.ServiceModeDegraded: "placement",
    events.SpoolFailed: "spool",
    facts.StoppedEarly: "stopped",
    events.ThreadFailed: "thread",
    facts.UtteranceQuarantined: "set-aside",
    events.WorkerFailed: "refused",
    facts.WorkerReplaced: "worker",
}
"""The `kind` of `fault` lines."""

_log = logging.getLogger(__name__)


class Line(msgspec.Struct, frozen=True):
    """A line without its time, as docs/cli.md defines it."""

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
        """Write the fact, with the present time."""
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
        """Close the file."""
        if self._file is not None and (lost_bytes := self._file.close()):
            _log.warning("nobody read the last %d bytes of the events", lost_bytes)


def line_of(fact: Fact) -> Line | None:
    """How a fact is written; None: it is not written."""
    if isinstance(fact, Fault):
        return _fault(fact)
    match fact:
        case events.StateChanged(state, at_s):
            return Line("state", at_s, {"state": state})
        case facts.FileRunEnded(at_s, usage):
            return Line("state", at_s, {"state": "stopped", **usage})
        case SpeechStarted(utterance):
            return Line("speech_started", to_seconds(fact.first_sample), {"utterance": utterance})
        case SpeechEnded(utterance):
            fields: dict[str, object] = {"utterance": utterance, "reason": fact.reason}
            return Line("speech_ended", to_seconds(fact.last_sample), fields)
        case facts.PartialTranscript(utterance, text, at_s, cpu_s):
            fields = {"utterance": utterance, "text": text, "cpu_s": round(cpu_s, 4)}
            return Line("partial", at_s, fields)
        case facts.TextCommitted(utterance, number, text, at_s, overhead_ms):
            fields = {"utterance": utterance, "n": number, "text": text}
            return Line("commit", at_s, fields | {"overhead_ms": round(overhead_ms, 2)})
        case facts.UtteranceTranscribed():
            return Line("final", fact.end_s, _final(fact))
        case facts.UtteranceDelivered() | facts.StatusChanged():
            return None  # other lines say all of it
        case facts.RetryStateChanged(number, at_s, state):
            return Line("retry", at_s, {"utterance": number, "state": state})
        case events.Injected(utterance, number, _, outcome, reason):
            fields = {"utterance": utterance, "n": number, "outcome": outcome, "reason": reason}
            return Line("injected", None, fields)
        case events.TextHeld() | facts.HeldReduced():
            return Line("held", None, asdict(fact))
        case events.SpoolRecovered():
            return Line("spool", None, {"state": "recovered"})
        case events.DetectorRecovered(sample):
            return Line("detector", to_seconds(sample), {"state": "recovered"})
        case facts.LossEnded(samples):
            return Line("loss", None, {"state": "over", "samples": samples})
        case facts.MicrophoneChanged():
            return Line("microphone", None, asdict(fact))
        case events.WorkerReady() | events.WorkerGone() | facts.WorkerRecycled():
            return Line("worker", None, _worker(fact))
        case facts.GpuActionTaken():
            return Line("card", None, to_builtins(fact))
        case events.DetectorMoved(placement, reason):
            return Line(
                "card", None, {"action": "detector-moved", "reason": reason, "to": placement}
            )
        case MemoryFreed():
            return Line("gained", None, asdict(fact))
        case LevelChanged():
            return Line("level", None, asdict(fact))


def _final(fact: facts.UtteranceTranscribed) -> dict[str, object]:
    start_s, end_s = round(fact.start_s, 3), round(fact.end_s, 3)
    return {**asdict(fact), "start_s": start_s, "end_s": end_s}


def _worker(
    fact: events.WorkerReady | events.WorkerGone | facts.WorkerRecycled,
) -> dict[str, object]:
    match fact:
        case facts.WorkerRecycled(rss_mib):
            return {"state": "recycled", "rss_mib": rss_mib}
        case events.WorkerGone():
            return {"state": "gone", "seat": fact.placement, "generation": fact.generation}
        case events.WorkerReady():
            return {
                "state": "ready",
                "generation": fact.generation,
                "pid": fact.pid,
                "seat": fact.placement,
                "device": fact.capabilities.device,
                "load_s": round(fact.load_s, 3),
            }


def _fault(fact: Fault) -> Line:
    fields: dict[str, object] = {"kind": _KINDS[type(fact)], "message": fact.message}
    match fact:
        case facts.UtteranceQuarantined():
            fields |= {"utterance": fact.utterance, "path": fact.path}
        case facts.DeliveryDoubted():
            fields["utterance"] = fact.utterance
        case facts.LossGrew():
            fields["samples"] = fact.total_samples
        case facts.EngineFailed() | facts.CpuStandbyFailed():
            fields |= {"message": fact.reason, "remedy": typeable(fact.remedy, anywhere=True)}
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
    """Memory and CPU time of daemon and worker, and the machine's available memory."""
    return {
        "daemon": of_process(os.getpid()),
        "worker": of_process(worker_pid),
        "mem_available_mib": psutil.virtual_memory().available // MIB,
    }
