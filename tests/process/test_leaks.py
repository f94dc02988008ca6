"""What was said stays in the process: no dump, no file and no terminal gets it, or is commanded."""

import os
import re
import resource
import signal
import stat
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from fakes.scripted_engine.sound import make_scene
from fakes.signals import eventually
from swictation import hardening

pytestmark = pytest.mark.process

DUMPABLE = "import ctypes; print('dumpable:', ctypes.CDLL(None).prctl(3))"
TOLD_AT_EXIT = f"""
import atexit
from swictation.cli.main import main
@atexit.register
def tell():
    {DUMPABLE}
main(%r)
"""
UNLIMITED = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
may_dump = pytest.mark.skipif(
    Path("/proc/sys/kernel/core_pattern").read_text().strip() not in {"core", "core.%p"}
    or resource.getrlimit(resource.RLIMIT_CORE)[1] != resource.RLIM_INFINITY,
    reason="this system puts no core dump into the working directory",
)


def allow_dumps() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, UNLIMITED)


@pytest.fixture
def here(tmp_path):
    """A working directory, where a core dump would go."""
    path = tmp_path / "here"
    path.mkdir()
    return path


def leaves_nothing(pid: int) -> bool:
    """Whether a dump of it holds no memory, by limit and by filter."""
    mask = int(Path(f"/proc/{pid}/coredump_filter").read_text(), 16)
    return (resource.prlimit(pid, resource.RLIMIT_CORE), mask) == ((0, 0), 0)


@may_dump
def test_a_program_that_does_not_care_is_dumped_here_so_that_the_others_can_fail(here):
    command = [sys.executable, "-c", "import os; os.abort()"]
    subprocess.run(command, cwd=here, preexec_fn=allow_dumps, check=False)
    assert list(here.iterdir()) != []


@may_dump
@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT])
def test_neither_the_daemon_nor_its_worker_is_dumped(program, here, number):
    program.hear(make_scene(1, 1))
    gate = program.gate("gate", utterance=1)
    running = program.start_playing(cwd=here, preexec_fn=allow_dumps)
    with running.wait_at(gate):
        (worker,) = psutil.Process(running.process.pid).children()
        assert leaves_nothing(running.process.pid)
        assert leaves_nothing(worker.pid)
        worker.send_signal(number)
        running.wait_for("worker", state="gone")
        running.process.send_signal(number)
        running.process.wait(60)
    assert list(here.iterdir()) == []


def test_a_workers_memory_is_hidden_and_the_daemons_is_not(program):
    program.fault("tell-dumpable", times=1)
    running = program.start_playing("-v")
    done = running.finish()
    assert "dumpable: 0" in done.err
    daemon = subprocess.run(
        [sys.executable, "-c", TOLD_AT_EXIT % ["run", "--source", "/nowhere.wav"]],
        env=program.prepare(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert "dumpable: 1" in daemon.stdout


@pytest.mark.slow
def test_a_worker_can_be_inspected_where_that_is_asked_for(program):
    program.fault("tell-dumpable", times=1)
    program.env[hardening.INSPECT] = "1"
    assert "dumpable: 1" in program.play("-v").err


@pytest.mark.slow
@pytest.mark.parametrize("command", [["transcribe", "/nowhere.wav"], ["capture"]])
def test_commands_that_are_given_the_text_hide_their_memory(program, command):
    done = subprocess.run(
        [sys.executable, "-c", TOLD_AT_EXIT % command],
        env=program.prepare(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert "dumpable: 0" in done.stdout, done.stderr


MEASURED = """
import ctypes, os, signal
from pathlib import Path
from swictation import hardening
from swictation.daemon import eventlog

def become_somebody():
    os.setresgid(65534, 65534, 65534)
    os.setresuid(65534, 65534, 65534)
    ctypes.CDLL(None).prctl(4, 1)  # as after an exec

begun, tell = os.pipe()
worker = os.fork()
if not worker:
    become_somebody()
    hardening.hide_memory()
    os.write(tell, b".")
    signal.pause()
os.read(begun, 1)
daemon = os.fork()
if not daemon:
    become_somebody()
    try:
        Path(f"/proc/{worker}/smaps_rollup").read_text()
    except PermissionError:
        measured = eventlog.of_process(worker)
        os.kill(worker, signal.SIGKILL)
        print(measured["rss_mib"] > 1 and "cpu_s" in measured, flush=True)
    os._exit(0)
os.waitpid(daemon, 0)
os.kill(worker, signal.SIGKILL)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be another user")
def test_what_the_daemon_measures_of_a_hidden_worker_needs_no_privilege():
    done = subprocess.run(
        [sys.executable, "-c", MEASURED], capture_output=True, text=True, check=True
    )
    assert done.stdout == "True\n"


@pytest.mark.slow
def test_a_worker_that_prints_what_a_terminal_obeys_is_logged_by_its_codes(program):
    line = "\x1b]0;mine\x07\x1b[2J\x9b31m\u202egnp.exe\r" + "x" * 1000
    program.fault("print", times=1, mib=1200 / 2**20, line=line)
    done = program.play("-v")
    assert done.code == 0
    assert not re.search(r"[^ -~\n]", done.err)
    assert "worker 1: \\x1b]0;mine\\x07\\x1b[2J\\x9b31m\\u202egnp.exe" in done.err
    assert max(map(len, done.err.splitlines())) < 500


def test_a_file_with_a_hostile_name_is_named_by_its_codes(program):
    done = program.run("transcribe", "gone\x1b[2J\u202e\n.wav")
    assert done.code == 1
    assert not re.search(r"[^ -~\n]", done.err)
    assert "gone\\x1b[2J" in done.err


@pytest.mark.slow
def test_with_no_umask_at_all_what_is_written_is_its_users_alone(program, spool, tmp_path):
    """Folders, lock, sound and text, while a sentence waits for its window."""
    program.hear(make_scene(1))
    gate = program.gate("gate")
    events = tmp_path / "events.jsonl"
    running = program.start(
        *("run", "--source", program.sound, "--events", events),
        preexec_fn=lambda: os.umask(0),
    )
    with running.wait_at(gate):
        assert eventually(lambda: list(spool.rglob("*.wav")))
        made = [spool.parent, spool, *spool.rglob("*"), events]
        modes = {path.name: oct(stat.S_IMODE(path.stat().st_mode) & 0o077) for path in made}
    done = running.finish()
    assert done.code == 0
    assert set(modes.values()) == {oct(0)}, modes
