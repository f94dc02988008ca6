"""The daemon's part that shares a GPU, alone: the real GPU executor, worker, probe and manager.

Somebody dictates all the time and never says a word, so that only the GPU matters.
"""

import asyncio
import itertools
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec
import numpy as np

from fakes.eventlines import as_lines
from patience import PATIENCE_S
from swictation.asr.engine import EngineSpec
from swictation.clock import MonotonicClock
from swictation.config.settings import AsrSettings, Settings, VramSettings, WorkerSettings
from swictation.dictation.runloop import Inbox
from swictation.dispatcher import Dispatcher
from swictation.events import GpuEvent, VramRead, WorkerAnswered, WorkerGone, WorkerReady
from swictation.gpu.effects import Route
from swictation.gpu.manager.manager import AdaptiveMemoryManager
from swictation.gpu.nvml.poller import VramPoller
from swictation.gpu.nvml.probe import MemoryProbe
from swictation.gpu.policy.admission import Admission
from swictation.gpu.policy.breaker import Breaker
from swictation.types import DecodeRequest, to_samples
from swictation.vad.switchable import DetectorSwitch
from swictation.worker.gpu_actions import GpuActions
from swictation.worker.gpu_executor import GpuExecutor
from swictation.worker.pool import WorkerPool
from swictation.worker.router import Router

WEIGHTS_MIB = 1000.0
WORK_MIB = 200.0
"""Of each decode: it stays in the allocator's cache."""
SETTINGS = VramSettings(
    read_every_s=0.1,
    read_every_near_s=0.05,
    read_every_absent_s=0.2,
    dwell_up_s=0.2,
    dwell_down_s=0.5,
    cool_down_s=0.5,
    idle_ttl_s=0.5,
    model_mib=int(WEIGHTS_MIB),
)


class Stage:
    """An async context manager: dictation is on while it lasts, until `fall_silent`."""

    def __init__(self, probe: MemoryProbe, folder: Path) -> None:
        self._probe = probe
        self._manifest = folder / "manifest.json"
        tier = {"weights_mib": WEIGHTS_MIB, "base_mib": WORK_MIB, "mib_per_s": 0.0}
        card = {"is_real": True, "tiers": [tier]}
        self._manifest.write_bytes(msgspec.json.encode({"card": card}))
        self.seen: list[tuple[float, str, dict[str, Any]]] = []
        """Every event, and when it came."""
        self._news = asyncio.Condition()

    async def __aenter__(self) -> Self:
        settings = Settings(
            vram=SETTINGS,
            asr=AsrSettings(engine="scripted", model="paper", device="cuda", cpu_engine=""),
            worker=WorkerSettings(),
        )
        clock, self._inbox, self._numbers = MonotonicClock(), Inbox(), itertools.count(1)
        manager = AdaptiveMemoryManager(
            settings, Breaker(), Admission(WORK_MIB, 0.0), is_wanted=True
        )
        self.pool = WorkerPool(settings.worker, self._inbox.post, Router(manager, clock))
        prober = VramPoller(
            self._probe, lambda now: self._inbox.post(VramRead(now)), SETTINGS, clock
        )
        events = Dispatcher()
        events.subscribe(as_lines(self._note))
        actions = GpuActions(
            self.pool, prober, DetectorSwitch(self._inbox.post), events, self._inbox.post
        )
        self.executor = GpuExecutor(self.pool, prober, actions, clock, lambda _mode, _reason: None)
        self._loop = asyncio.create_task(self._run())
        self.executor.cpu_unavailable()
        self.executor.set_engine(
            "gpu", EngineSpec("scripted", "paper", str(self._manifest), "en", device="cuda")
        )
        self.executor.start()
        self.executor.look(is_listening=True, is_busy=False, backlog_s=0.0)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.pool.stop()
        self.executor.stop()
        self._loop.cancel()
        await asyncio.wait([self._loop])

    def fall_silent(self) -> None:
        """Dictation is off."""
        self.executor.look(is_listening=False, is_busy=False, backlog_s=0.0)

    async def until(self, event: str, *, after: int = 0, **wanted: object) -> int:
        """Wait for an event with these fields; how many events there were up to it."""
        async with asyncio.timeout(PATIENCE_S):
            for number in itertools.count(after):
                while number >= len(self.seen):
                    async with self._news:
                        await self._news.wait()
                _, name, fields = self.seen[number]
                if name == event and wanted.items() <= fields.items():
                    return number + 1
        raise AssertionError("unreachable")

    async def decode(self, seconds: float) -> dict[str, Any]:
        """Have the worker on the GPU transcribe so much silence; what its allocator then holds."""
        number, count = next(self._numbers), to_samples(seconds)
        request = DecodeRequest(number, 0, 0, count)
        assert self.pool.send(request, np.zeros(count, np.int16), Route("gpu"))
        at = await self.until("answer", number=number)
        return self.seen[at - 1][2]["figures"]

    def _note(self, event: str, fields: dict[str, Any]) -> None:
        self.seen.append((time.monotonic(), event, dict(fields)))

    async def _run(self) -> None:
        while True:
            event = await self._inbox.next()
            if isinstance(event, GpuEvent):
                self._tell(event)
                self.executor.on_event(event)
            async with self._news:
                self._news.notify_all()

    def _tell(self, event: GpuEvent) -> None:
        match event:
            case WorkerReady():
                self._note("ready", {"pid": event.pid, "generation": event.generation})
            case WorkerAnswered():
                self._note("answer", {"number": event.number, "figures": event.figures})
            case WorkerGone():
                self._note("gone", {"reason": event.reason, "is_fault": event.is_fault})
            case _:
                pass
