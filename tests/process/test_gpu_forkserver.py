"""When there is a fork server: while the GPU is in use, and not a moment longer."""

import asyncio
import contextlib
import os
import signal

import msgspec
import psutil
import pytest
from msgspec.structs import replace

from fakes.eventlines import as_lines
from fakes.scripted_engine import program
from fakes.scripted_engine.sound import make_scene
from faults.cell import Played, Watch, be_patient, run_cell, settings_for
from faults.plan import FAULTS, Cell
from swictation.daemon.files import FileSession
from swictation.inject.none import NoneInjector
from swictation.models.store.store import ModelLocation

pytestmark = pytest.mark.process

SCENE = make_scene(1, 2, 1)


@pytest.fixture(autouse=True)
def scripted(card, monkeypatch):
    for name, value in {**card.env(), "PYTHONPATH": str(program.HERE)}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.syspath_prepend(program.HERE)
    be_patient(monkeypatch)


class Sitting:
    """A file that is played; its second half waits for `source.play`."""

    def __init__(self, session, watch):
        self.session = session
        self.watch = watch
        self.source = Played(SCENE.samples)
        self.forkserver = session._pool.forkserver
        self._playing = None

    def begin(self):
        self._playing = asyncio.create_task(self.session.play(self.source, NoneInjector()))

    async def worker(self):
        """The one on the GPU, once it is ready; each only once."""
        ready = await self.watch.until("worker", state="ready", seat="gpu")
        self.watch.seen = [entry for entry in self.watch.seen if entry[2] != ready]
        return psutil.Process(ready["pid"])

    async def end(self):
        """The text of all of it."""
        self.source.play()
        return (await self._playing).text.strip() if self._playing else ""


@pytest.fixture
def play(tmp_path):
    """`play(scene)` runs `scene(sitting)` to the end: no word is lost in any of them."""

    def run(scene, *faults, forks=True, **vram):
        manifest = tmp_path / "manifest.json"
        words = [word._asdict() for word in SCENE.words]
        script = {"words": words, "card": {}, "faults": faults}
        manifest.write_bytes(msgspec.json.encode(script))
        settings = settings_for(manifest, forks=forks)
        settings = replace(settings, vram=replace(settings.vram, **vram))

        async def to_the_end():
            watch = Watch()
            session = FileSession(settings, ModelLocation("scene", manifest), None)
            session._events.subscribe(as_lines(watch.note))
            async with session:
                sitting = Sitting(session, watch)
                with contextlib.ExitStack() as afterwards:
                    afterwards.callback(sitting.source.play)
                    await scene(sitting)
                    assert await sitting.end() == SCENE.text
            assert sitting.forkserver.pid is None

        asyncio.run(to_the_end())

    return run


def test_the_worker_on_the_card_is_forked_and_the_one_beside_it_is_not(play):
    async def scene(sitting):
        assert sitting.forkserver.pid is None, "nobody dictates"
        sitting.begin()
        worker = await sitting.worker()
        assert worker.ppid() == sitting.forkserver.pid
        standby = await sitting.watch.until("worker", state="ready", seat="cpu")
        assert psutil.Process(standby["pid"]).ppid() == os.getpid()
        assert sitting.session._pool.pids == [standby["pid"], worker.pid]

    play(scene)


@pytest.mark.slow
def test_where_memory_is_short_there_is_none(play):
    async def scene(sitting):
        sitting.begin()
        assert (await sitting.worker()).ppid() == os.getpid()
        assert sitting.forkserver.pid is None

    play(scene, forks=False)


def test_a_nursery_that_dies_takes_the_worker_along_and_no_word(play):
    async def scene(sitting):
        sitting.begin()
        worker = await sitting.worker()
        await sitting.watch.until("card", action="asr", to="gpu")
        os.kill(sitting.forkserver.pid, signal.SIGKILL)
        await sitting.watch.until("worker", state="gone", seat="gpu")
        worker.wait()  # an orphan: ours to bury, and until then the made-up GPU counts it
        assert (await sitting.worker()).ppid() == os.getpid()

    play(scene)


@pytest.mark.slow
def test_one_that_dies_in_mid_utterance_costs_no_word(play, tmp_path):
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    stop = {"kind": "gate", "device": "cuda", "utterance": 1, "args": {"path": str(gate)}}

    async def scene(sitting):
        sitting.begin()
        await sitting.watch.until("card", action="asr", to="gpu")
        sitting.source.play()
        fd = await asyncio.to_thread(os.open, gate, os.O_WRONLY)
        os.kill(sitting.forkserver.pid, signal.SIGKILL)
        await sitting.watch.until("worker", state="gone", seat="gpu")
        os.close(fd)

    play(scene, stop)


def test_before_the_machine_sleeps_it_ends_and_with_the_next_word_it_is_there_again(play):
    async def scene(sitting):
        sitting.begin()
        worker = await sitting.worker()
        await sitting.watch.until("card", action="asr", to="gpu")
        nursery = psutil.Process(sitting.forkserver.pid)
        await sitting.session._executor.suspend()
        assert not nursery.is_running()
        assert not worker.is_running()
        sitting.session._executor.resume()
        assert (await sitting.worker()).ppid() == sitting.forkserver.pid

    play(scene)


@pytest.mark.slow
def test_when_nobody_has_dictated_for_long_it_ends_after_its_worker(play):
    async def scene(sitting):
        sitting.begin()
        worker = await sitting.worker()
        await sitting.watch.until("card", action="asr", to="gpu")
        nursery = psutil.Process(sitting.forkserver.pid)
        steward = sitting.session._executor
        await sitting.end()  # before that the session itself says how busy it is
        steward.look(is_listening=False, is_busy=False, backlog_s=0.0)
        await sitting.watch.until("card", action="stop")
        await sitting.session._pool.gpu.ended()
        assert not worker.is_running()
        steward._tick()
        await sitting.forkserver.ended()
        assert not nursery.is_running()

    play(scene, idle_ttl_s=0.0, idle_ttl_warning_s=0.0)


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_faults_of_a_forked_worker_cost_no_word(tmp_path, card, fault):
    """A column of the fault matrix; the rest is the same however the worker was born."""
    result = asyncio.run(run_cell(Cell(fault, "mid-utterance"), tmp_path, card, forks=True))
    assert result.is_whole
    assert "".join(result.commits).strip() == result.scene.text
