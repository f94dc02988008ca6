"""A worker that is killed from outside, at any moment: the text is the undisturbed run's."""

import asyncio
import os
import select
import signal

import psutil
import pytest

from fakes.scripted_engine.program import HERE
from fakes.scripted_engine.sound import make_scene
from faults import kills
from patience import PATIENCE_S, starts

pytestmark = pytest.mark.process


def check_whole(program, done):
    assert (done.code, done.out) == (0, program.scene.text + "\n"), done.err
    assert len(done.named("injected")) == len({e["n"] for e in done.named("injected")})
    assert done.generations == sorted(set(done.generations))
    assert done.is_calm, done.err


def wait_for_end(pid):
    """Whether a process that may be anybody's child ends in time."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([fd], [], [], PATIENCE_S)[0])
    finally:
        os.close(fd)


def worker_of(running):
    (worker,) = psutil.Process(running.process.pid).children()
    return worker


@pytest.mark.parametrize("moment", ["load", "decode-0", "decode-1", "decode-forced", "decode-2"])
def test_a_kill_while_it_loads_or_decodes_costs_no_word(program, spool, moment):
    on, _, which = moment.partition("-")
    when = {"forced": which == "forced"} if on == "decode" else {}
    if which.isdigit():
        when["utterance"] = int(which)
    gate = program.gate("gate", on, **when)
    running = program.start_playing()
    with running.wait_at(gate):
        worker = worker_of(running)
        worker.kill()
        assert wait_for_end(worker.pid)
    done = running.finish()
    check_whole(program, done)
    assert done.problems == ["the speech engine is replaced (worker 1: it was ended by SIGKILL)"]
    assert not list(spool.rglob("*"))


@pytest.mark.slow
def test_a_worker_that_is_killed_again_and_again_costs_no_word(program):
    """At its start, between utterances and after a commit, at the speed of speech."""
    program.hear(make_scene(1, 1, 1, 1))
    running = program.start_playing("--pace", "realtime")
    for generation, event in enumerate(["worker", "speech_started", "commit"], 1):
        ready = running.wait_for("worker", state="ready", generation=generation)
        if event != "worker":
            running.wait_for(event)
        os.kill(ready["pid"], signal.SIGKILL)
    done = running.finish()
    check_whole(program, done)
    assert done.generations == [1, 2, 3, 4]


def test_the_real_engine_killed_while_it_works_costs_no_word(program, sample, whisper_model):
    program.set("asr", engine="whisper", model="tiny.en")
    program.sound = sample
    running = program.start_playing()
    os.kill(running.wait_for("worker", state="ready", generation=1)["pid"], signal.SIGKILL)
    second = running.wait_for("worker", state="ready", generation=2)
    running.wait_for("commit")
    os.kill(second["pid"], signal.SIGKILL)
    done = running.finish()
    assert (done.code, done.out) == (0, sample.with_name("sample.txt").read_text())
    assert "".join(commit["text"] for commit in done.named("commit")) == done.out.strip()


def test_a_stopped_worker_is_found_out_and_replaced(program):
    """SIGSTOP: alive, its channel open, and silent."""
    program.hear(make_scene(1))
    program.set("worker", hang_min_s=starts(4))
    gate = program.gate("gate")
    running = program.start_playing()
    with running.wait_at(gate):
        worker_of(running).suspend()
    done = running.finish()
    check_whole(program, done)
    assert "it hung" in done.problems[0]


def test_a_killed_program_takes_its_worker_with_it(program, spool):
    gate = program.gate("gate")
    running = program.start_playing()
    with running.wait_at(gate):
        worker = worker_of(running)
        running.send(signal.SIGKILL)
        assert wait_for_end(worker.pid)
    assert running.finish().code == -signal.SIGKILL
    assert list(spool.rglob("*.wav")), "what was not transcribed is still on disk"


@pytest.mark.slow
def test_a_worker_that_outgrows_its_limit_is_replaced_between_utterances(program, spool):
    program.set("worker", max_rss_mib=200, hang_min_s=PATIENCE_S)
    program.fault("grow", mib=250, utterance=0)
    done = program.play()
    check_whole(program, done)
    assert (done.generations, done.named("fault")) == ([1, 2], [])
    (recycled,) = done.named("worker", state="recycled")
    assert recycled["rss_mib"] > 200
    assert {r["utterance"] for r in program.finals() if r["generation"] == 1} == {0}
    assert not list(spool.rglob("*"))


@pytest.mark.slow
def test_a_worker_that_grows_with_each_request_is_replaced_and_replaced(program):
    program.set("worker", max_rss_mib=200, hang_min_s=PATIENCE_S)
    program.fault("grow", times=0, mib=250)
    done = program.play()
    check_whole(program, done)
    assert len(done.generations) >= 3
    assert not done.named("fault")
    split = {r["generation"] for r in program.finals() if r["utterance"] == 1}
    assert len(split) == 1, "never within an utterance"


@pytest.mark.slow
def test_a_limit_below_what_the_engine_needs_does_not_stop_the_work(program):
    program.set("worker", max_rss_mib=100, hang_min_s=PATIENCE_S)
    program.fault("grow", on="load", times=0, mib=150)
    done = program.play()
    check_whole(program, done)
    assert not done.named("fault")


@pytest.mark.slow
def test_of_many_kills_some_in_pairs_no_word_is_unaccounted_for(tmp_path, monkeypatch):
    """`python -m tests.faults.kills` does the same with hundreds."""
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    monkeypatch.syspath_prepend(HERE)
    toll = asyncio.run(kills.run(kills.plan(20, 6, seed=1), tmp_path))
    assert toll.is_whole, toll
    assert toll.kills >= 20
    assert toll.pairs >= 6
    assert toll.held
    assert toll.words == toll.typed + toll.held + toll.quarantined
