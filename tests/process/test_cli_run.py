"""`swictation run --source FILE`: the text, the events, the ends it can come to."""

import os
import re
import shutil
import signal
import stat
import subprocess
import termios

import psutil
import pytest

from fakes.scripted_engine.sound import make_scene
from patience import PATIENCE_S

pytestmark = pytest.mark.process

KINDS = {
    "state",
    "worker",
    "speech_started",
    "speech_ended",
    "partial",
    "commit",
    "final",
    "injected",
}


def test_events_of_every_kind_come_in_their_order(program, spool):
    done = program.play()
    assert (done.code, done.out, done.err) == (0, program.scene.text + "\n", "")
    assert {e["event"] for e in done.events} | {"partial"} == KINDS
    assert all({"t_s", "event", "audio_s"} <= set(e) for e in done.events)
    times = [e["t_s"] for e in done.events]
    assert times == sorted(times)
    for number, heard in enumerate(program.scene.heard):
        mine = [e for e in done.events if e.get("utterance") == number]
        assert mine[0]["event"] == "speech_started"
        assert mine[0]["audio_s"] == pytest.approx(heard.first / 16_000, abs=0.001)
        (ended,) = (e for e in mine if e["event"] == "speech_ended")
        assert ended["audio_s"] == pytest.approx(heard.last / 16_000, abs=0.001)
        (final,) = (e for e in mine if e["event"] == "final")
        assert final["text"] == program.scene.said(number)
        typed = [e["n"] for e in mine if e["event"] == "injected"]
        assert typed == sorted(typed)
        assert {e["n"] for e in mine if e["event"] == "commit"} <= set(typed)
    first, last = done.events[0], done.events[-1]
    assert (first["event"], first["state"]) == ("state", "listening")
    assert (last["event"], last["state"]) == ("state", "stopped")
    assert {"daemon", "worker", "mem_available_mib"} <= set(last)
    assert not list(spool.rglob("*"))


def test_at_the_speed_of_speech_there_are_partials_and_the_same_text(program, spool):
    program.hear(make_scene(2))
    program.confident = False
    done = program.play("--pace", "realtime")
    assert (done.code, done.out, done.err) == (0, program.scene.text + "\n", "")
    assert done.named("partial")
    assert done.events[-1]["t_s"] >= len(program.scene.samples) / 16_000 - 0.2
    assert not list(spool.rglob("*"))


@pytest.mark.slow
def test_without_partials_the_text_is_the_same(program):
    program.set("asr", partials="off")
    done = program.play()
    assert (done.code, done.out) == (0, program.scene.text + "\n")
    assert not [r for r in program.asked() if r["partial"]]


def test_the_events_can_go_to_a_file_that_is_its_owners_alone(program, tmp_path):
    program.hear(make_scene(1))
    path = tmp_path / "events.jsonl"
    done = program.run("run", "--source", program.sound, "--sink", "none", "--events", path)
    assert (done.code, done.out, done.err) == (0, "", "")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text().count("\n") > 5


@pytest.mark.slow
def test_events_that_cannot_be_written_any_more_do_not_stop_the_text(program):
    program.hear(make_scene(1))
    done = program.run("run", "--source", program.sound, "--events", "/dev/full")
    assert (done.code, done.out) == (0, program.scene.text + "\n")
    assert done.err.splitlines() == [
        "swictation: events are no longer written: No space left on device"
    ]


def test_events_that_cannot_be_written_at_all_are_a_usage_error(program):
    done = program.run("run", "--source", program.sound, "--events", "/nowhere/events")
    assert (done.code, done.out) == (2, "")
    assert "/nowhere/events" in done.err
    assert done.is_calm, done.err


def test_what_is_unsure_is_committed_at_the_end_of_the_utterance_only(program):
    program.confident = False
    done = program.play()
    assert done.out == program.scene.text + "\n"
    assert [c["text"].strip() for c in done.named("commit")] == [
        program.scene.said(n) for n in range(3)
    ]


@pytest.mark.parametrize(("number", "to_group"), [(signal.SIGINT, True), (signal.SIGTERM, False)])
def test_a_signal_ends_it_with_what_was_said_so_far(program, spool, number, to_group):
    program.hear(make_scene(1, 1))
    running = program.start_playing("--pace", "realtime")
    running.wait_for("final", utterance=0)
    worker = psutil.Process(running.process.pid).children()
    (running.send_group if to_group else running.send)(number)
    done = running.finish()
    assert done.code == 130
    assert done.is_calm, done.err
    assert done.out.startswith(program.scene.said(0))
    assert len(worker) == 1
    assert not worker[0].is_running()
    assert not list(spool.rglob("*")), "what was said is also typed"


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["load", "decode"])
def test_a_signal_ends_it_soon_even_if_the_engine_hangs(program, spool, moment):
    program.set("worker", hang_min_s=PATIENCE_S)
    gate = program.gate("gate", moment)
    running = program.start_playing()
    with running.wait_at(gate):
        running.wait_for("speech_ended", utterance=2)
        running.send_group(signal.SIGINT)
        done = running.finish()
    assert done.code == 130
    assert done.err.splitlines()[-2:] == [
        "swictation: Stopped with 3 utterance(s) not transcribed; the sound is kept.",
        "  -> where it is: swictation doctor",
    ]
    assert done.is_calm, done.err
    assert len(list(spool.rglob("*.wav"))) == 3, "it is kept"


def test_a_signal_ends_it_while_its_source_is_silent(program, tmp_path):
    """A pipe that nobody writes to: the thread that reads it cannot be woken."""
    program.sound = tmp_path / "pipe"
    os.mkfifo(program.sound)
    running = program.start_playing()
    running.wait_for("worker", state="ready")
    running.send_group(signal.SIGINT)
    done = running.finish()
    assert done.code == 130
    assert "Traceback" not in done.err


def test_a_reader_that_leaves_ends_it_with_one_clear_line(program):
    head = subprocess.Popen(["head", "-c", "1"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    gate = program.gate("gate", utterance=1)
    running = program.start_playing(stdout=head.stdin)
    head.stdin.close()
    with running.wait_at(gate):
        head.wait()
    done = running.finish()
    assert done.code == 1
    assert done.err.splitlines() == ["swictation: The text cannot be delivered: Broken pipe."], (
        done.err
    )


def test_a_full_disk_under_the_text_is_told_in_one_line(program):
    with open("/dev/full", "wb") as full:
        done = program.start_playing(stdout=full).finish()
    assert done.code == 1
    assert done.err.splitlines() == [
        "swictation: The text cannot be delivered: No space left on device."
    ]


@pytest.mark.slow
def test_without_a_spool_nothing_is_written_and_faults_still_cost_nothing(program, own_folders):
    program.set("spool", enabled=False)
    program.fault("signal", utterance=1)
    done = program.play()
    assert (done.code, done.out) == (0, program.scene.text + "\n")
    assert not (own_folders / "state").exists()


@pytest.mark.slow
def test_a_spool_that_cannot_be_made_is_a_warning(program, own_folders):
    (own_folders / "state").write_text("not a folder")
    program.fault("signal", utterance=1)
    done = program.play()
    assert (done.code, done.out) == (0, program.scene.text + "\n")
    (fault,) = done.named("fault", kind="spool")
    assert "memory only" in fault["message"]
    assert done.err.splitlines()[0] == f"swictation: {fault['message']}"


def test_a_spool_that_vanishes_is_a_warning(program, spool):
    gate = program.gate("gate", utterance=1)
    running = program.start_playing()
    with running.wait_at(gate):
        running.send(signal.SIGSTOP)  # else it makes it again in between
        shutil.rmtree(spool)
        spool.parent.rmdir()
        spool.parent.write_text("not a folder any more")
        running.send(signal.SIGCONT)
    done = running.finish()
    assert (done.code, done.out) == (0, program.scene.text + "\n"), done.err
    assert done.is_calm, done.err


def test_the_log_holds_no_spoken_word_and_nothing_is_left_on_disk(program, own_folders):
    program.fault("raise", utterance=0, text=program.scene.text)
    program.fault("exit", utterance=1)
    program.set("asr", partials="on")
    done = program.run("run", "-v", "--source", program.sound)
    assert (done.code, done.out) == (0, program.scene.text + "\n")
    assert "worker 1" in done.err
    spoken = set(re.findall(r"\w{6,}", program.scene.text.lower()))
    assert len(spoken) > 8
    logged = done.err.lower()
    assert not [word for word in spoken if word in logged]
    left = [p for top in ("state", "tmp") for p in (own_folders / top).rglob("*") if p.is_file()]
    assert not left


@pytest.mark.slow
def test_only_the_last_word_ends_the_line(program):
    program.hear(make_scene(1, 1))
    done = program.play()
    assert done.out.count("\n") == 1


@pytest.mark.parametrize("source", ["missing.wav", ".", "n" * 256])
def test_a_source_that_cannot_be_opened_is_told(program, source):
    done = program.run("run", "--source", source)
    assert (done.code, done.out.strip()) == (1, "")
    assert done.err.startswith(f"swictation: {source} ")
    assert done.is_calm, done.err
    assert len(done.err.splitlines()) <= 2


@pytest.mark.slow
def test_it_leaves_no_warning_of_the_interpreter(program):
    """No unclosed file, socket or transport, no task that was never waited for."""
    program.python = ["-X", "dev"]
    program.fault("signal", utterance=1)
    done = program.run("run", "--source", program.sound)
    assert (done.code, done.out) == (0, program.scene.text + "\n")
    alarms = ("ResourceWarning", "never awaited", "never retrieved", "was destroyed", "ignored")
    assert not [alarm for alarm in alarms if alarm in done.err], done.err


@pytest.fixture
def stopped_terminal():
    """A terminal after Ctrl-S: what is written to it waits. Its two ends."""
    ours, theirs = os.openpty()
    termios.tcflow(theirs, termios.TCOOFF)
    yield ours, theirs
    os.close(ours)
    os.close(theirs)


@pytest.mark.slow
def test_it_can_be_ended_while_the_terminal_is_stopped(program, stopped_terminal):
    running = program.start_playing(stdout=stopped_terminal[1])
    running.wait_for("commit")
    running.send(signal.SIGTERM)
    done = running.finish()
    assert done.code == 130
    assert "the sound is kept" in done.err


@pytest.mark.slow
def test_the_text_comes_when_the_terminal_goes_on(program, stopped_terminal):
    ours, theirs = stopped_terminal
    running = program.start_playing(stdout=theirs)
    running.wait_for("commit")
    termios.tcflow(theirs, termios.TCOON)
    assert running.finish().code == 0
    assert os.read(ours, 1 << 16).decode().strip() == program.scene.text
