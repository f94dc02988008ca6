"""Each fact and its line: what docs/cli.md promises to those who read `--events`."""

import json
from typing import get_args

import pytest

from swictation.clock import SimClock
from swictation.daemon.eventlog import EventLog, line_of
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
    ConfigDoubted,
    ConfigRejected,
    CpuStandbyFailed,
    DeliveryDoubted,
    EngineFailed,
    Fact,
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
from swictation.gpu.effects import LevelChanged, MemoryFreed
from swictation.types import Capabilities, SpeechEnded, SpeechStarted

pytestmark = pytest.mark.unit


def fault(kind, message, **fields):
    return ("fault", None, {"kind": kind, "message": message, **fields})


LINES = [
    (StateChanged("listening", 1.5), ("state", 1.5, {"state": "listening"})),
    (FileRunEnded(2.0, {"daemon": {}}), ("state", 2.0, {"state": "stopped", "daemon": {}})),
    (SpeechStarted(3, 32_000, 0, 16_000, False), ("speech_started", 1.0, {"utterance": 3})),
    (
        SpeechEnded(3, 32_000, 24_000, "silence"),
        ("speech_ended", 1.5, {"utterance": 3, "reason": "silence"}),
    ),
    (
        PartialTranscript(3, "so", 1.2, 0.12345),
        ("partial", 1.2, {"utterance": 3, "text": "so", "cpu_s": 0.1235}),
    ),
    (
        TextCommitted(3, 7, "So it is.", 1.2, 4.5678),
        ("commit", 1.2, {"utterance": 3, "n": 7, "text": "So it is.", "overhead_ms": 4.57}),
    ),
    (
        UtteranceTranscribed(3, 0.12345, 1.0, "So."),
        ("final", 1.0, {"utterance": 3, "start_s": 0.123, "end_s": 1.0, "text": "So."}),
    ),
    (UtteranceDelivered(3, "So.", "editor", "typed", "whisper", "cpu", 0.3), None),
    (StatusChanged(), None),
    (
        Injected(3, 7, True, "refused", "no field", True, "editor"),
        ("injected", None, {"utterance": 3, "n": 7, "outcome": "refused", "reason": "no field"}),
    ),
    (
        TextHeld(2, "no field", True, 1),
        (
            "held",
            None,
            {"count": 2, "reason": "no field", "is_on_clipboard": True, "pending": 1},
        ),
    ),
    (HeldReduced(1, "no", 0), ("held", None, {"count": 1, "reason": "no", "pending": 0})),
    (RetryStateChanged(3, 4.0, "begun"), ("retry", 4.0, {"utterance": 3, "state": "begun"})),
    (SpoolRecovered(), ("spool", None, {"state": "recovered"})),
    (DetectorRecovered(16_000), ("detector", 1.0, {"state": "recovered"})),
    (LossEnded(5), ("loss", None, {"state": "over", "samples": 5})),
    (MicrophoneChanged("open", "usb"), ("microphone", None, {"health": "open", "source": "usb"})),
    (
        WorkerReady(2, 77, Capabilities("cuda", ("en",)), 1.23456, "gpu"),
        (
            "worker",
            None,
            {
                "state": "ready",
                "generation": 2,
                "pid": 77,
                "seat": "gpu",
                "device": "cuda",
                "load_s": 1.235,
            },
        ),
    ),
    (
        WorkerGone(2, "killed", True, placement="gpu"),
        ("worker", None, {"state": "gone", "seat": "gpu", "generation": 2}),
    ),
    (WorkerRecycled(300), ("worker", None, {"state": "recycled", "rss_mib": 300})),
    (GpuActionTaken("load", "room"), ("card", None, {"action": "load", "reason": "room"})),
    (
        GpuActionTaken("asr", "lost", None),
        ("card", None, {"action": "asr", "reason": "lost", "to": None}),
    ),
    (
        DetectorMoved("cpu", "late", True),
        ("card", None, {"action": "detector-moved", "reason": "late", "to": "cpu"}),
    ),
    (
        MemoryFreed("trim", 100.0, 90.0, 0.5),
        (
            "gained",
            None,
            {"action": "trim", "estimate_mib": 100.0, "freed_mib": 90.0, "took_s": 0.5},
        ),
    ),
    (
        LevelChanged("CRITICAL", "NORMAL", 0.95),
        ("level", None, {"level": "CRITICAL", "was": "NORMAL", "used_fraction": 0.95}),
    ),
    (ConfigDoubted("line 2: what?"), fault("config", "line 2: what?")),
    (ConfigRejected("line 3"), fault("config", "the old configuration stays: line 3")),
    (CpuStandbyFailed("it dies", "doctor"), fault("spare", "it dies", remedy="doctor")),
    (DeliveryDoubted(3, "nobody knows"), fault("doubt", "nobody knows", utterance=3)),
    (DetectorFailed(0, "no"), fault("detector", "nothing is heard, sound is kept: no")),
    (EngineFailed("it dies", "doctor"), fault("engine", "it dies", remedy="doctor")),
    (
        FrameSkipped(16_000, "no"),
        fault("detector", "32 ms near 1.0 s are treated as silence: no"),
    ),
    (InjectorUnavailable("no display"), fault("window", "text cannot be typed: no display")),
    (
        LossGrew(0, 16_000, 48_000),
        fault(
            "audio-lost",
            "the sound at 0.0-1.0 s is no longer kept; 3.0 s are lost in all",
            samples=48_000,
        ),
    ),
    (MicrophoneFailed("no sound"), fault("microphone", "no sound")),
    (ModelUnavailable("no network", "again"), fault("model", "no network -> again")),
    (ServiceModeDegraded("vad-only", "full"), fault("placement", "vad-only: full")),
    (SpoolFailed("full"), fault("spool", "audio is kept in memory only: full")),
    (StoppedEarly("1 held"), fault("stopped", "1 held")),
    (ThreadFailed("speech", "KeyError"), fault("thread", "the thread speech failed: KeyError")),
    (
        UtteranceQuarantined(3, "", "it died"),
        fault("set-aside", "it died: its sound is set aside in memory", utterance=3, path=""),
    ),
    (
        WorkerFailed(2, 9, "oom"),
        fault("refused", "worker 2 could not answer (oom) and goes on"),
    ),
    (
        WorkerReplaced(2, "killed", False),
        fault("worker", "the speech engine is replaced (worker 2: killed)"),
    ),
]


@pytest.mark.parametrize(("fact", "line"), LINES, ids=[type(fact).__name__ for fact, _ in LINES])
def test_each_fact_has_the_line_that_is_promised(fact, line):
    found = line_of(fact)
    assert (found and (found.event, found.audio_s, found.fields)) == line


def test_all_facts_are_in_this_table():
    assert {type(fact) for fact, _ in LINES} == set(get_args(Fact))


def test_lines_are_written_with_the_time_since_the_start(tmp_path):
    clock = SimClock(100.0)
    log = EventLog(tmp_path / "events.jsonl", clock)
    clock.advance(1.23456)
    log.on_fact(StateChanged("listening", 0.98765))
    log.on_fact(UtteranceDelivered(3, "So.", "editor", "typed", "whisper", "cpu", 0.3))
    log.on_fact(SpoolRecovered())
    log.close()
    first, second = map(json.loads, (tmp_path / "events.jsonl").read_text().splitlines())
    assert first == {"t_s": 1.2346, "event": "state", "audio_s": 0.988, "state": "listening"}
    assert second == {"t_s": 1.2346, "event": "spool", "audio_s": None, "state": "recovered"}
