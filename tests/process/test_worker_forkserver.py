"""Workers that are forked from a real fork server, and what becomes of them where that fails."""

import asyncio
import contextlib
import os
import resource
import signal
from pathlib import Path

import msgspec
import numpy as np
import psutil
import pytest

from fakes.bus import until
from fakes.scripted_engine.program import HERE
from faults.cell import be_patient
from patience import PATIENCE_S, starts
from swictation.asr.engine import EngineSpec
from swictation.config.settings import WorkerSettings
from swictation.events import WorkerAnswered, WorkerGone, WorkerReady
from swictation.hardening import INSPECT
from swictation.types import DecodeRequest
from swictation.worker.forkserver import process
from swictation.worker.forkserver.server import ForkServer
from swictation.worker.supervisor import Supervisor

pytestmark = pytest.mark.process
WAY = "SCRIPTED_NURSERY"
SILENCE = np.zeros(16_000, np.int16)


@pytest.fixture(autouse=True)
def scripted(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", f"{HERE}{os.pathsep}{HERE.parents[1]}")
    be_patient(monkeypatch)


@pytest.fixture
def inspected(monkeypatch):
    """What a process holds open can be read without a privilege."""
    monkeypatch.setenv(INSPECT, "1")


class Cradle:
    """A fork server, and supervisors whose workers come from it."""

    def __init__(self, manifest, import_s, rest_s):
        self.forkserver = ForkServer(import_s, rest_s)
        self._manifest = manifest
        self._supervisors = []

    def start(self):
        self.forkserver.start("scripted")

    def supervise(self, **settings):
        events = asyncio.Queue()
        one = Supervisor(WorkerSettings(**settings), events.put_nowait, spawn=self.forkserver.spawn)
        one.start(EngineSpec("scripted", "", str(self._manifest), "en"))
        self._supervisors.append(one)

        async def wait_for(kind):
            while True:
                event = await asyncio.wait_for(events.get(), PATIENCE_S)
                if isinstance(event, kind):
                    return event

        return one, wait_for

    async def stop(self):
        for one in self._supervisors:
            await one.stop()
        await self.forkserver.stop()

    def has_forked(self, pid):
        return psutil.Process(pid).ppid() == self.forkserver.pid


@pytest.fixture
def in_a_cradle(tmp_path):
    """`in_a_cradle(scene, *faults)` runs `scene(cradle)`, a fork server being started."""
    path = tmp_path / "manifest.json"

    def run(scene, *faults, import_s=PATIENCE_S, rest_s=1000.0):
        word = {"first_sample": 0, "last_sample": 16_000, "text": " Marigold."}
        path.write_bytes(msgspec.json.encode({"words": [word], "faults": faults}))

        async def main():
            cradle = Cradle(path, import_s, rest_s)
            cradle.start()
            try:
                await scene(cradle)
            finally:
                await cradle.stop()

        asyncio.run(main())

    return run


async def answer(supervisor, wait_for, number=1):
    supervisor.send(DecodeRequest(number, 0, 0, len(SILENCE)), SILENCE)
    return (await wait_for(WorkerAnswered)).hypothesis.new_text


def files_of(pid):
    """What a process holds open: of sockets and pipes only the kind."""
    found = []
    for fd in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found.append(os.readlink(fd).partition(":[")[0])
    return sorted(found)


def living(name):
    """Processes of that name below this one; the dead may wait to be buried."""
    all_of_them = psutil.Process().children(recursive=True)
    return [p for p in all_of_them if (p.name(), p.status() == "zombie") == (name, False)]


def test_a_worker_is_forked_and_answers(in_a_cradle):
    async def scene(cradle):
        supervisor, wait_for = cradle.supervise()
        ready = await wait_for(WorkerReady)
        assert ready.pid == supervisor.pid
        assert cradle.has_forked(ready.pid)
        assert await answer(supervisor, wait_for) == " Marigold."
        assert os.getpgid(ready.pid) == ready.pid
        assert supervisor.rss_mib > 10

    in_a_cradle(scene)


def test_it_holds_what_an_executed_one_holds_and_nothing_of_the_nursery(in_a_cradle, inspected):
    async def scene(cradle):
        forked, wait_for = cradle.supervise()
        await wait_for(WorkerReady)
        second, wait_for_second = cradle.supervise()
        await wait_for_second(WorkerReady)
        assert cradle.has_forked(second.pid)
        executed = Supervisor(WorkerSettings(), (events := asyncio.Queue()).put_nowait)
        executed.start(forked._spec)
        try:
            ready = await asyncio.wait_for(events.get(), PATIENCE_S)
            for one in (forked, second):
                assert files_of(one.pid) == files_of(ready.pid)
                status = Path(f"/proc/{one.pid}/cmdline").read_bytes()
                assert b"forkserver" in status, "so that the check can fail"
        finally:
            await executed.stop()

    in_a_cradle(scene)


@pytest.mark.slow
def test_many_workers_leave_nothing_behind_in_nursery_or_daemon(in_a_cradle, inspected):
    async def scene(cradle):
        supervisor, wait_for = cradle.supervise()
        held = []
        for generation in range(1, 7):
            ready = await wait_for(WorkerReady)
            assert (ready.generation, cradle.has_forked(ready.pid)) == (generation, True)
            held.append([*map(files_of, (cradle.forkserver.pid, os.getpid(), ready.pid))])
            supervisor.recycle("for the test")
            gone = await wait_for(WorkerGone)
            assert (gone.reason, gone.is_fault) == ("for the test", False)
        assert held[1:] == held[:1] * 5

    in_a_cradle(scene)


def test_two_workers_live_at_once_and_one_may_die(in_a_cradle):
    async def scene(cradle):
        _, wait_for_first = cradle.supervise()
        second, wait_for_second = cradle.supervise()
        pids = [(await wait(WorkerReady)).pid for wait in (wait_for_first, wait_for_second)]
        assert all(map(cradle.has_forked, pids))
        os.kill(pids[0], signal.SIGKILL)
        await wait_for_first(WorkerGone)
        assert await answer(second, wait_for_second) == " Marigold."
        assert (await wait_for_first(WorkerReady)).generation == 2
        assert second.pid == pids[1]

    in_a_cradle(scene)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"kind": "signal"}, "it was ended by SIGKILL"),
        ({"kind": "signal", "args": {"number_of": 11}}, "it was ended by SIGSEGV"),
        ({"kind": "exit"}, "it exited with 139"),
        ({"kind": "close-channel"}, "it was ended by SIGKILL"),
    ],
)
def test_its_end_is_told_as_that_of_an_executed_one(in_a_cradle, fault, reason):
    async def scene(cradle):
        supervisor, wait_for = cradle.supervise()
        await wait_for(WorkerReady)
        supervisor.send(DecodeRequest(1, 3, 0, len(SILENCE)), SILENCE)
        gone = await wait_for(WorkerGone)
        assert (gone.reason, gone.utterance, gone.is_fault) == (reason, 3, True)
        assert cradle.has_forked((await wait_for(WorkerReady)).pid)

    in_a_cradle(scene, fault)


@pytest.mark.slow
def test_what_a_dead_worker_has_started_ends_with_it(in_a_cradle):
    async def scene(cradle):
        supervisor, wait_for = cradle.supervise()
        await wait_for(WorkerReady)
        supervisor.send(DecodeRequest(1, 0, 0, len(SILENCE)), SILENCE)
        await wait_for(WorkerGone)
        assert cradle.forkserver.pid
        await until(lambda: not living("sleep"))

    in_a_cradle(scene, {"kind": "leave-a-child"})


@pytest.mark.slow
def test_nobody_reads_the_memory_of_the_nursery_or_of_what_it_forks(
    in_a_cradle, caplog, monkeypatch
):
    monkeypatch.setenv(WAY, "tell-dumpable")

    async def scene(cradle):
        supervisor, wait_for = cradle.supervise()
        ready = await wait_for(WorkerReady)
        for pid in (cradle.forkserver.pid, ready.pid):
            assert resource.prlimit(pid, resource.RLIMIT_CORE) == (0, 0)
        await answer(supervisor, wait_for)
        await until(lambda: "worker 1: dumpable: 0" in caplog.messages)
        assert "fork server: dumpable: 0" in caplog.messages

    caplog.set_level("INFO")
    in_a_cradle(scene, {"kind": "tell-dumpable"})


@pytest.mark.slow
def test_what_it_prints_is_logged_as_its_own(in_a_cradle, caplog, monkeypatch):
    monkeypatch.setenv(WAY, "print")

    async def scene(cradle):
        supervisor, wait_for = cradle.supervise()
        await wait_for(WorkerReady)
        await answer(supervisor, wait_for)
        supervisor.recycle("for the test")
        await wait_for(WorkerGone)
        assert "fork server: the fork server is at work" in caplog.messages
        assert caplog.messages.count("worker 1: nothing to see here") == 3

    caplog.set_level("INFO")
    in_a_cradle(scene, {"kind": "print", "args": {"mib": 60 / 2**20}})


def test_a_killed_nursery_takes_its_worker_along_and_the_next_one_is_executed(in_a_cradle):
    async def scene(cradle):
        supervisor, wait_for = cradle.supervise()
        first = await wait_for(WorkerReady)
        os.kill(cradle.forkserver.pid, signal.SIGKILL)
        gone = await wait_for(WorkerGone)
        assert (gone.reason, gone.is_fault) == ("it died with its fork server", True)
        assert supervisor.restarts.kills == 1, "which is not its fault"
        second = await wait_for(WorkerReady)
        assert not psutil.pid_exists(first.pid) or psutil.Process(first.pid).status() == "zombie"
        assert psutil.Process(second.pid).ppid() == os.getpid()
        assert await answer(supervisor, wait_for) == " Marigold."
        cradle.start()
        assert cradle.forkserver.pid is None, "it rests"

    in_a_cradle(scene)


@pytest.mark.slow
def test_after_its_rest_it_is_there_again(in_a_cradle):
    async def scene(cradle):
        for _ in range(3):
            os.kill(cradle.forkserver.pid, signal.SIGKILL)
            await until(lambda: cradle.forkserver.pid is None)
            cradle.start()
        _, wait_for = cradle.supervise()
        assert cradle.has_forked((await wait_for(WorkerReady)).pid)

    in_a_cradle(scene, rest_s=0.0)


@pytest.mark.slow
@pytest.mark.parametrize("way", ["exit", "raise", "thread", "hang"])
def test_a_nursery_that_fails_costs_time_alone(in_a_cradle, caplog, monkeypatch, way):
    monkeypatch.setenv(WAY, way)

    async def scene(cradle):
        supervisor, wait_for = cradle.supervise()
        ready = await wait_for(WorkerReady)
        assert (ready.generation, psutil.Process(ready.pid).ppid()) == (1, os.getpid())
        assert await answer(supervisor, wait_for) == " Marigold."
        await until(lambda: cradle.forkserver.pid is None)
        told = {
            "exit": "its exit status is 7",
            "raise": "its exit status is 1",
            "thread": "it has other threads",
            "hang": "its imports took more than",
        }
        assert any(
            told[way] in line and "the fork server ended" in line for line in caplog.messages
        )

    caplog.set_level("INFO")
    in_a_cradle(scene, import_s=starts(2) if way == "hang" else PATIENCE_S)


def test_a_nursery_that_no_longer_answers_costs_time_alone(in_a_cradle, monkeypatch):
    monkeypatch.setattr(process, "_FORK_S", starts(4))

    async def scene(cradle):
        supervisor, wait_for = cradle.supervise()
        await wait_for(WorkerReady)
        supervisor.release("for the test")
        await supervisor.ended()
        os.kill(cradle.forkserver.pid, signal.SIGSTOP)
        supervisor.use(supervisor._spec)
        second = await wait_for(WorkerReady)
        assert psutil.Process(second.pid).ppid() == os.getpid()
        assert cradle.forkserver.pid is None

    in_a_cradle(scene)


@pytest.mark.slow
def test_a_worker_whose_end_a_silent_nursery_does_not_tell_is_buried_all_the_same(
    in_a_cradle, monkeypatch
):
    for limit in ("_FORK_S", "_STATUS_S"):
        monkeypatch.setattr(process, limit, starts(4))

    async def scene(cradle):
        _, wait_for = cradle.supervise()
        ready = await wait_for(WorkerReady)
        os.kill(cradle.forkserver.pid, signal.SIGSTOP)
        os.kill(ready.pid, signal.SIGKILL)
        assert (await wait_for(WorkerGone)).is_fault
        assert (await wait_for(WorkerReady)).generation == 2

    in_a_cradle(scene)


@pytest.mark.slow
def test_who_no_longer_wants_a_worker_does_not_wait_for_the_import(in_a_cradle, monkeypatch):
    monkeypatch.setenv(WAY, "hang")

    async def scene(cradle):
        supervisor, wait_for = cradle.supervise()
        await until(lambda: cradle.forkserver.has_workers)  # is about to fork it
        assert supervisor.pid is None
        supervisor.release("for the test")
        gone = await wait_for(WorkerGone)
        assert (gone.reason, gone.is_fault) == ("for the test", False)
        assert not cradle.forkserver.has_workers

    in_a_cradle(scene)


@pytest.mark.slow
def test_a_start_that_is_called_off_at_any_moment_leaves_no_process(in_a_cradle):
    async def scene(cradle):
        supervisor, wait_for = cradle.supervise()
        await wait_for(WorkerReady)
        files = files_of(os.getpid())
        for turns in range(12):
            supervisor.recycle("for the test")
            await wait_for(WorkerGone)
            for _ in range(turns):
                await asyncio.sleep(0)
            if not supervisor.is_ready:
                supervisor.recycle("for the test")
            await wait_for(WorkerReady)
        assert len(psutil.Process(cradle.forkserver.pid).children()) == 1
        assert files_of(os.getpid()) == files

    in_a_cradle(scene)


def test_it_ends_with_what_it_forked_when_it_is_released(in_a_cradle):
    async def scene(cradle):
        supervisor, wait_for = cradle.supervise()
        await wait_for(WorkerReady)
        nursery = psutil.Process(cradle.forkserver.pid)
        assert cradle.forkserver.has_workers
        supervisor.release("idle")
        await supervisor.ended()
        assert not cradle.forkserver.has_workers
        cradle.forkserver.release("idle")
        await cradle.forkserver.ended()
        assert not nursery.is_running()
        cradle.start()
        assert cradle.forkserver.pid not in (None, nursery.pid), "that was no failure"

    in_a_cradle(scene)
