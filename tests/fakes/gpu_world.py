"""The daemon's part that shares a GPU; only the worker itself is played: it waits to be killed."""

import asyncio
import contextlib
import os
import subprocess

import msgspec

from fakes.eventlines import as_lines
from patience import PATIENCE_S
from swictation.asr.engine import EngineSpec
from swictation.clock import SimClock
from swictation.config.settings import AsrSettings, Settings
from swictation.dispatcher import Dispatcher
from swictation.events import GpuEvent, RouteChanged, VramRead
from swictation.gpu.manager.manager import AdaptiveMemoryManager
from swictation.gpu.nvml.nvml import NvmlProbe
from swictation.gpu.nvml.poller import VramPoller
from swictation.gpu.policy.admission import Admission
from swictation.gpu.policy.breaker import Breaker
from swictation.types import AllocatorFigures, Capabilities, Hypothesis, Tier, VramSnapshot
from swictation.vad.switchable import DetectorSwitch
from swictation.worker.forkserver import server
from swictation.worker.gpu_actions import GpuActions
from swictation.worker.gpu_executor import GpuExecutor
from swictation.worker.pool import WorkerPool
from swictation.worker.protocol.channel import encode
from swictation.worker.protocol.messages import (
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
        self.child = Child(pid, os.pidfd_open(pid), self._reap)

    def die(self):
        self._process.kill()

    def become_ready(self):
        capabilities = Capabilities("cuda", ("en",), tiers=TIERS)
        self._send(Ready(PROTOCOL_VERSION, self._process.pid, capabilities, 0.1, FIGURES))

    def serve(self, *, oom=False):
        """Answer all that has been asked."""
        for message in self._received():
            match message:
                case Decode(request):
                    failed = Failed(request.number, "OutOfMemoryError", "oom", FIGURES)
                    hypothesis = Hypothesis("", confident=True)
                    answer = Answer(request.number, hypothesis, 0.0, FIGURES)
                    self._send(failed if oom else answer)
                case Ping():
                    self._send(Pong())
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

    async def _reap(self):
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
        self.pool = WorkerPool(settings.worker, self.inbox.put_nowait, router)
        events = Dispatcher()
        events.subscribe(as_lines(self._note))
        prober = VramPoller(NvmlProbe(clock=self.clock), lambda _: None, settings.vram, self.clock)
        switch = DetectorSwitch(self.inbox.put_nowait)
        actions = GpuActions(self.pool, prober, switch, events, self._post)
        self.executor = GpuExecutor(self.pool, prober, actions, self.clock, lambda *_: None)
        if not cpu_engine:
            self.executor.cpu_unavailable()
        self.is_listening = self.is_busy = False
        self._sleeping = []
        self.set_engine("one")

    def _post(self, event):
        assert isinstance(event, RouteChanged)
        self.asked_again += 1

    async def spawn(self, ends):
        self.workers.append(Played(ends))
        return self.workers[-1].child

    @property
    def worker(self):
        """The last one, which may be dead."""
        return self.workers[-1] if self.workers else None

    # What happens.

    def set_engine(self, model):
        self.executor.set_engine("gpu", EngineSpec("scripted", model, "", "en", device="cuda"))

    def look(self):
        self.executor.look(is_listening=self.is_listening, is_busy=self.is_busy, backlog_s=0.0)

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
        self.executor._tick()

    def sleeps(self):
        self._sleeping.append(asyncio.create_task(self.executor.suspend()))

    def wakes(self):
        self.executor.resume()

    async def handle_one(self):
        """The run loop comes to the oldest event, if there is one by now."""
        await asyncio.sleep(0)
        if not self.inbox.empty():
            self._handle()

    def _handle(self):
        event = self.inbox.get_nowait()
        if isinstance(event, GpuEvent):
            self.executor.on_event(event)
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
        gpu, phase = self.pool.gpu, self.phase
        assert self.pool.placement == self.manager.asr_placement
        assert phase != "absent" or not gpu.is_wanted
        assert phase == "stopping" or not gpu._planned

    @property
    def agrees(self):
        """Whether the manager and the supervisor say the same of the worker."""
        gpu, phase = self.pool.gpu, self.phase
        living = sum(worker.is_alive for worker in self.workers)
        assert living <= 1, "two on one GPU"
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
        self.executor.resume()
        await self.pool.stop()
        self.executor.stop()
        for task in self._sleeping:
            await task
        assert not any(worker.is_alive for worker in self.workers)


def in_a_world(monkeypatch, scene, **options):
    async def main():
        world = World(**options)
        monkeypatch.setattr(server, "by_exec", world.spawn)
        try:
            async with asyncio.timeout(PATIENCE_S):
                await scene(world)
        finally:
            for worker in world.workers:
                worker.die()
            await world.close()

    asyncio.run(main())
