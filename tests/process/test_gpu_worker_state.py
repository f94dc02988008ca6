"""The worker on the GPU: who supervises it and who decides about it agree, in any order of events.

All is real but the worker itself, which the test plays: its process only waits to be killed.
"""

import asyncio
import contextlib
import os
import subprocess

import msgspec
import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from fakes.eventlines import as_lines
from swictation.asr.engine import EngineSpec
from swictation.clock import SimClock
from swictation.config.settings import AsrSettings, Settings
from swictation.daemon.steward import Steward
from swictation.daemon.steward_actions import GpuActions
from swictation.dispatcher import Dispatcher
from swictation.events import CardEvent, VramRead
from swictation.types import AllocatorFigures, Capabilities, Hypothesis, Tier, VramSnapshot
from swictation.vad.placed import Switch
from swictation.vram.admission import Admission
from swictation.vram.breaker import Breaker
from swictation.vram.effects import LevelChanged, StopGpu
from swictation.vram.manager import AdaptiveMemoryManager
from swictation.vram.nvml import NvmlProbe
from swictation.vram.prober import Prober
from swictation.worker import nursery_keeper
from swictation.worker.channel import encode
from swictation.worker.crew import Crew
from swictation.worker.messages import (
    PROTOCOL_VERSION,
    Answer,
    Decode,
    Failed,
    Ping,
    Pong,
    Ready,
    Shutdown,
    ToWorker,
)
from swictation.worker.router import Router
from swictation.worker.spawn import Child

pytestmark = [pytest.mark.process, pytest.mark.timeout(300)]

PATIENCE_S = 60.0
TOTAL_MIB = 8000.0
TIERS = (Tier("large", 1700.0), Tier("small", 400.0))
FIGURES = AllocatorFigures(1700.0, 1700.0)


class Played:
    """A worker."""

    def __init__(self, ends):
        self._sock = ends.channel.dup()
        self._sock.setblocking(False)
        self._process = subprocess.Popen(["sleep", "infinity"])
        self._ended = os.pidfd_open(self._process.pid)
        self._rest = b""
        self.is_alive = True
        asyncio.get_running_loop().add_reader(self._ended, self._on_end)
        pid = self._process.pid
        self.child = Child(pid, os.pidfd_open(pid), self._bury)

    def die(self):
        self._process.kill()

    def become_ready(self):
        capabilities = Capabilities("cuda", ("en",), tiers=TIERS)
        self._send(Ready(PROTOCOL_VERSION, 0, self._process.pid, capabilities, 0.1, FIGURES))

    def serve(self, *, oom=False):
        """Answer all that has been asked."""
        for message in self._received():
            match message:
                case Decode(request):
                    failed = Failed(request.number, "OutOfMemoryError", "oom", FIGURES)
                    hypothesis = Hypothesis("", confident=True)
                    answer = Answer(request.number, hypothesis, 0.0, FIGURES)
                    self._send(failed if oom else answer)
                case Ping(number):
                    self._send(Pong(number))
                case Shutdown():
                    self.die()

    def _received(self):
        with contextlib.suppress(BlockingIOError, OSError):
            while chunk := self._sock.recv(2**18):
                self._rest += chunk
        decoder = msgspec.msgpack.Decoder(ToWorker)
        while len(self._rest) >= 4:
            end = 4 + int.from_bytes(self._rest[:4], "big")
            if len(self._rest) < end:
                return
            body, self._rest = self._rest[4:end], self._rest[end:]
            yield decoder.decode(body)

    def _send(self, message):
        with contextlib.suppress(OSError):  # it is dead, or nobody listens any more
            self._sock.send(encode(message))

    def _on_end(self):
        asyncio.get_running_loop().remove_reader(self._ended)
        os.close(self._ended)
        self._sock.close()
        self.is_alive = False

    async def _bury(self):
        return self._process.wait()


class World:
    """The daemon's part that shares a GPU, and whatever may happen to it."""

    def __init__(self, *, cpu_engine=""):
        self.workers = []
        self.loads = self.asked_again = 0
        self.told = []
        self.clock = SimClock(100.0)
        self.inbox = asyncio.Queue()
        settings = Settings(
            asr=AsrSettings(engine="scripted", device="cuda", cpu_engine=cpu_engine)
        )
        self.manager = AdaptiveMemoryManager(
            settings, Breaker(), Admission(100.0, 1.0), is_wanted=False
        )
        router = Router(self.manager, self.clock)
        self.crew = Crew(settings.worker, self.inbox.put_nowait, router)
        events = Dispatcher()
        events.subscribe(as_lines(self._note))
        prober = Prober(NvmlProbe(clock=self.clock), lambda _: None, settings.vram, self.clock)
        actions = GpuActions(self.crew, prober, Switch(self.inbox.put_nowait), events)
        self.steward = Steward(self.crew, prober, actions, self.clock, lambda *_: None)
        self.steward.serve(self)
        if not cpu_engine:
            self.steward.miss_cpu()
        self.is_listening = self.is_busy = False
        self._sleeping = []
        self.have("one")

    def ask_again(self):
        self.asked_again += 1

    async def spawn(self, ends):
        self.workers.append(Played(ends))
        return self.workers[-1].child

    @property
    def worker(self):
        """The last one, which may be dead."""
        return self.workers[-1] if self.workers else None

    # What happens.

    def have(self, model):
        self.steward.have("gpu", EngineSpec("scripted", model, "", "en", device="cuda"))

    def look(self):
        self.steward.look(is_listening=self.is_listening, is_busy=self.is_busy, backlog_s=0.0)

    def listens(self):
        self.is_listening = True
        self.look()

    def is_silent(self):
        self.is_listening = self.is_busy = False
        self.look()

    def speaks(self):
        self.is_listening = self.is_busy = True
        self.look()

    def reads(self, free_mib):
        self.clock.advance(1.0)
        self.inbox.put_nowait(VramRead(VramSnapshot(self.clock.now_s(), TOTAL_MIB, free_mib, 0.0)))

    def cannot_read(self, trouble):
        self.clock.advance(1.0)
        self.inbox.put_nowait(VramRead(VramSnapshot(self.clock.now_s(), trouble=trouble)))

    def time_passes(self, seconds):
        self.clock.advance(seconds)
        self.steward._tick()

    def sleeps(self):
        self._sleeping.append(asyncio.create_task(self.steward.suspend()))

    def wakes(self):
        self.steward.resume()

    async def handle_one(self):
        """The run loop comes to the oldest event, if there is one by now."""
        await asyncio.sleep(0)
        if not self.inbox.empty():
            self._handle()

    def _handle(self):
        event = self.inbox.get_nowait()
        if isinstance(event, CardEvent):
            self.steward.on_event(event)
        self.look()
        self.check()

    async def come_to_rest(self):
        """All that is under way arrives, as far as it does without a worker's doing."""
        async with asyncio.timeout(PATIENCE_S):
            while not (self.inbox.empty() and self.agrees):
                if not self.inbox.empty():
                    self._handle()
                else:
                    await asyncio.sleep(0)

    # What holds.

    @property
    def phase(self):
        return self.manager.status(self.clock.now_s()).worker

    def check(self):
        """At any moment: nothing is begun or ended behind the manager's back."""
        gpu, phase = self.crew.gpu, self.phase
        assert self.crew.seat == self.manager.asr_seat
        assert phase != "absent" or not gpu.is_wanted
        assert phase == "stopping" or not gpu._planned

    @property
    def agrees(self):
        """Whether the manager and the supervisor say the same of the worker."""
        gpu, phase = self.crew.gpu, self.phase
        living = sum(worker.is_alive for worker in self.workers)
        assert living <= 1, "two on one card"
        assert len(self.workers) <= self.loads, "one that nobody asked for"
        match phase:
            case "absent":
                return not gpu.is_wanted and not living
            case "ready":
                return gpu.is_ready
            case "loading" | "stopping":
                return gpu.is_wanted and not gpu.is_ready and (phase, living) != ("stopping", 0)
        return False

    def _note(self, event, fields):
        self.told.append(fields.get("action", event))
        self.loads += event == "card" and fields["action"] == "load"

    async def close(self):
        self.steward.resume()
        await self.crew.stop()
        self.steward.stop()
        for task in self._sleeping:
            await task
        assert not any(worker.is_alive for worker in self.workers)


def in_a_world(monkeypatch, scene, **options):
    async def main():
        world = World(**options)
        monkeypatch.setattr(nursery_keeper, "by_exec", world.spawn)
        try:
            async with asyncio.timeout(PATIENCE_S):
                await scene(world)
        finally:
            for worker in world.workers:
                worker.die()
            await world.close()

    asyncio.run(main())


async def dictates(world):
    """With a worker that is ready, and whose engine is trusted."""
    world.listens()
    world.reads(7000.0)
    await world.come_to_rest()
    while not world.workers:
        await asyncio.sleep(0)
    world.worker.become_ready()
    while world.manager.asr_seat != "gpu":
        world.reads(6000.0)
        await world.come_to_rest()
        world.worker.serve()
        await asyncio.sleep(0)


STEPS = st.one_of(
    st.sampled_from(["listens", "is_silent", "speaks", "sleeps", "wakes"]),
    st.sampled_from(["ready", "dies", "serves", "serves with oom", "handles", "handles", "rests"]),
    st.tuples(st.just("reads"), st.sampled_from([7000.0, 6000.0, 5000.0, 900.0, 150.0])),
    st.tuples(st.just("cannot_read"), st.sampled_from(["asleep", "lost", "stuck"])),
    st.tuples(st.just("time_passes"), st.sampled_from([0.1, 5.0, 20.0, 400.0])),
    st.tuples(st.just("have"), st.sampled_from(["one", "other"])),
)


async def take(world, step):
    match step:
        case "ready" if world.worker and not world.crew.gpu.is_ready:
            world.worker.become_ready()
        case "dies" if world.worker:
            world.worker.die()
        case "serves" | "serves with oom" if world.worker:
            world.worker.serve(oom=step == "serves with oom")
        case "handles":
            await world.handle_one()
        case "rests":
            await world.come_to_rest()
        case (name, value):
            getattr(world, name)(value)
        case "listens" | "is_silent" | "speaks" | "sleeps" | "wakes":
            getattr(world, step)()


@pytest.fixture
def patched():
    with pytest.MonkeyPatch.context() as monkeypatch:
        yield monkeypatch


@given(st.booleans(), st.lists(STEPS, max_size=40))
@example(True, ["dies", ("reads", 150.0), "rests"])
@example(True, [("have", "other"), "rests", "dies", "rests"])
@hypothesis_settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
def test_manager_and_supervisor_agree_whatever_happens(patched, is_serving, steps):
    async def scene(world):
        if is_serving:
            await dictates(world)
        for step in steps:
            await take(world, step)
            world.check()
        await world.come_to_rest()

    in_a_world(patched, scene)


def test_a_worker_whose_engine_is_replaced_is_stopping_for_everybody(patched):
    async def scene(world):
        await dictates(world)
        world.have("other")
        assert world.phase == "stopping"
        assert not world.crew.gpu.is_ready
        assert world.crew.seat != "gpu"

    in_a_world(patched, scene)


def test_a_worker_that_died_unseen_is_not_gone_twice(patched):
    """Its end is on its way: to tell of another would end the one that follows it."""

    async def scene(world):
        await dictates(world)
        world.worker.die()
        while world.inbox.empty():
            await asyncio.sleep(0)
        assert world.crew.gpu.release("for the test")  # its end will be told
        await world.come_to_rest()
        assert world.phase == "loading"  # the next one

    in_a_world(patched, scene)


def test_a_change_of_seat_is_asked_about_once(patched):
    async def scene(world):
        assert world.crew.seat == "cpu"
        before = world.asked_again
        world.steward.miss_cpu()
        assert world.crew.seat is None
        assert world.asked_again == before + 1

    in_a_world(patched, scene, cpu_engine="whisper")


def test_what_an_effect_brings_about_comes_behind_what_is_due(patched):
    async def scene(world):
        world.listens()
        world.reads(7000.0)
        await world.handle_one()
        assert world.told[-1] == "load"
        world.told.clear()
        # Its process has not begun: it is gone at once, and there is room for another.
        world.steward._settle([StopGpu("for the test"), LevelChanged("WARNING", "NORMAL", 0.9)])
        assert world.told == ["stop", "level", "load"]

    in_a_world(patched, scene)


def test_effects_without_end_leave_the_run_loop_its_turn(patched):
    async def scene(world):
        world.told.clear()
        world.steward._settle([LevelChanged("WARNING", "NORMAL", 0.9)] * 250)
        assert len(world.told) < 250
        while len(world.told) < 250:
            await asyncio.sleep(0)

    in_a_world(patched, scene)
