import json

import pytest
from msgspec.structs import replace

from swictation.control.status import (
    STOPPED,
    AudioStatus,
    Degraded,
    Held,
    QuarantineStatus,
    Status,
    WorkerStatus,
    bar_line,
    decode,
    encode,
    serving,
    steady,
)

pytestmark = pytest.mark.unit

LISTENING = Status(
    state="listening",
    ready=True,
    models={"small.en": "loaded"},
    engine="whisper",
    model="small.en",
    device="cpu",
    precision="int8",
    worker=WorkerStatus(state="ready", generation=3, pid=77, restarts=2, rss_mib=210.5),
    audio=AudioStatus(source="Built-in", level_dbfs=-30.0, last_block_age_s=0.04, health="ok"),
    quarantined=(QuarantineStatus("/spool/000-000003.wav", 4.5, "waits"),),
    uptime_s=12.5,
)


def test_the_keys_of_the_json_are_those_that_others_rely_on():
    read = json.loads(encode(LISTENING))
    assert list(read) == [
        "state", "degraded", "ready", "models", "fetching", "engine", "model", "model_reason",
        "device", "precision", "worker", "queue", "held", "set_aside", "loss", "latency_ms",
        "audio", "injector", "vram", "uptime_s", "last_error", "last_error_s", "pid", "version",
    ]  # fmt: skip
    assert list(read["worker"]) == ["state", "generation", "pid", "restarts", "rss_mib", "deaths"]
    assert list(read["queue"]) == ["utterances", "audio_s"]
    (aside,) = read["set_aside"]
    assert aside == {"path": "/spool/000-000003.wav", "audio_s": 4.5, "state": "waits"}
    assert list(read["held"]) == ["texts", "reason", "pending"]
    assert list(read["loss"]) == ["samples"]
    assert list(read["latency_ms"]) == ["finalisation_p50", "finalisation_p95", "utterances"]
    assert list(read["audio"]) == ["source", "level_dbfs", "last_block_age_s", "health", "reason"]
    assert list(read["injector"]) == ["name", "last_outcome", "last_reason"]
    degraded = replace(LISTENING, degraded=Degraded("cpu", "no GPU", 2.0))
    assert json.loads(encode(degraded))["degraded"] == {
        "mode": "cpu", "reason": "no GPU", "since_s": 2.0,
    }  # fmt: skip


def test_what_is_encoded_on_one_line_is_decoded_to_the_same():
    assert "\n" not in encode(LISTENING)
    assert decode(encode(LISTENING)) == LISTENING


def test_keys_of_a_later_version_are_no_reason_to_fail():
    read = json.loads(encode(LISTENING))
    assert decode(json.dumps(read | {"mood": "fine"})) == LISTENING


def test_a_bar_gets_waybars_keys():
    line = bar_line(LISTENING)
    assert set(line) == {"text", "alt", "class", "tooltip", "percentage"}
    assert line["alt"] == "listening"
    assert line["class"] == ["listening"]
    assert line["percentage"] == 100


@pytest.mark.parametrize(
    ("held", "told"),
    [
        (Held(1, "screen locked"), "1 text (screen locked)"),
        (Held(1, "xterm hangs", 1), "1 text (xterm hangs; it may still arrive by itself)"),
        (
            Held(3, "xterm hangs", 2),
            "3 texts (xterm hangs; 2 of them may still arrive by themselves)",
        ),
    ],
)
def test_what_is_held_is_told_with_what_may_still_arrive(held, told):
    assert str(held) == told


def test_a_bar_shows_degradation_and_what_is_held():
    status = replace(
        LISTENING, degraded=Degraded("cpu", "the GPU is full", 3.0), held=Held(2, "screen locked")
    )
    line = bar_line(status)
    assert line["class"] == ["listening", "degraded"]
    assert "the GPU is full" in str(line["tooltip"])
    assert "2 texts (screen locked)" in str(line["tooltip"])


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({}, "whisper small.en, int8, on the CPU"),
        (
            {"engine": "canary", "model": "canary-1b-flash", "device": "cuda", "precision": "fp16"},
            "canary canary-1b-flash, fp16, on the GPU",
        ),
        ({"engine": "parrot", "device": "paper", "precision": ""}, "parrot small.en, on paper"),
        ({"device": "", "precision": ""}, "whisper small.en"),
    ],
)
def test_engine_model_precision_and_place_are_told_as_far_as_they_are_known(changed, told):
    now = replace(LISTENING, **changed)
    assert serving(now) == told
    assert (told in str(bar_line(now)["tooltip"])) == bool(now.device)


def test_markup_in_a_name_does_not_break_the_bar():
    audio = replace(LISTENING.audio, source="Mic <1> & Line")
    assert "Mic &lt;1&gt; &amp; Line" in str(bar_line(replace(LISTENING, audio=audio))["tooltip"])


def test_without_a_daemon_the_bar_says_stopped():
    line = bar_line(STOPPED)
    assert (line["alt"], line["class"], line["percentage"]) == ("stopped", ["stopped"], 0)


def test_passing_time_and_a_moving_level_are_no_change():
    later = replace(
        LISTENING,
        uptime_s=99.0,
        audio=replace(LISTENING.audio, level_dbfs=-12.0, last_block_age_s=0.01),
        worker=replace(LISTENING.worker, rss_mib=300.0),
    )
    assert steady(later) == steady(LISTENING)
    assert steady(replace(later, state="idle")) != steady(LISTENING)
    assert steady(replace(later, held=Held(1, "locked"))) != steady(LISTENING)


def test_seconds_that_a_reason_counts_down_are_no_change():
    full = replace(LISTENING, degraded=Degraded("cpu-engine", "again after 59 s of NORMAL", 1.0))
    later = replace(LISTENING, degraded=Degraded("cpu-engine", "again after 58 s of NORMAL", 2.0))
    other = replace(LISTENING, degraded=Degraded("cpu-engine", "the worker is being loaded", 3.0))
    assert steady(full) == steady(later)
    assert steady(full) != steady(other)
