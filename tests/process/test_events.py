"""The shape of `--events`: others read these lines, so their keys are pinned."""

import pytest

pytestmark = pytest.mark.process

ALWAYS = {"t_s", "event", "audio_s"}
KEYS = {
    "state": {"state"},
    "speech_started": {"utterance"},
    "speech_ended": {"utterance", "reason"},
    "partial": {"utterance", "text", "cpu_s"},
    "commit": {"utterance", "n", "text", "overhead_ms"},
    "final": {"utterance", "start_s", "end_s", "text"},
    "injected": {"utterance", "n", "outcome", "reason"},
    "fault": {"kind", "message"},
}
WORKER = {
    "ready": {"state", "seat", "generation", "pid", "device", "load_s"},
    "gone": {"state", "seat", "generation"},
    "recycled": {"state", "rss_mib"},
}
STOPPED = {"state", "daemon", "worker", "mem_available_mib"}


def keys_of(event: dict) -> set[str]:
    """What an event of its kind holds beside what all hold."""
    if event["event"] == "worker":
        return WORKER[event["state"]]
    if event.get("state") == "stopped":
        return STOPPED
    extra = {"utterance", "path"} if event.get("kind") == "set-aside" else set()
    return KEYS[event["event"]] | extra


def test_every_kind_of_event_has_its_own_keys_and_no_others(program):
    program.set("asr", partials="on")
    program.set("worker", max_rss_mib=300)
    program.fault("signal", times=0, utterance=1)
    program.fault("grow", mib=400, utterance=2)
    done = program.play("--pace", "realtime")
    seen = {event["event"] for event in done.events}
    assert seen == {*KEYS, "worker"}
    for event in done.events:
        assert set(event) == ALWAYS | keys_of(event), event


def test_the_log_ends_with_what_daemon_and_worker_took(program):
    last = program.play().events[-1]
    assert last["state"] == "stopped"
    assert set(last["daemon"]) == set(last["worker"]) == {"rss_mib", "cpu_s"}
    assert last["daemon"]["rss_mib"] > 0
    assert last["mem_available_mib"] > 0
