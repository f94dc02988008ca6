"""A daemon's dictation, all of it real but microphone, bus and window: a scene is its sound."""

import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any, Self

import msgspec
import numpy as np

from fakes.eventlines import as_lines
from fakes.scripted_engine.program import NO_FORKSERVER
from fakes.scripted_engine.sound import Scene
from fakes.windows import Windows
from patience import PATIENCE_S
from swictation.clock import MonotonicClock
from swictation.config.settings import AsrSettings, Settings, WorkerSettings
from swictation.daemon.engine_manager import EngineManager
from swictation.daemon.wiring import Components
from swictation.dictation.capture_sink import CaptureSink
from swictation.dictation.controller import DictationController
from swictation.dictation.delivery.delivery import DeliveryRules
from swictation.dictation.retries import Retries
from swictation.dictation.runloop import RunLoop
from swictation.dictation.transcriber import Transcriber
from swictation.dispatcher import Dispatcher
from swictation.events import StopRequested

_BLOCK = 1600
_WORD = re.compile(r"w\d{5}")


def words_in(text: str) -> list[str]:
    """The words of a scene in it."""
    return _WORD.findall(text.lower())


class Played:
    """A source that gives a scene as fast as it is taken, then waits as a microphone does."""

    can_wait = True
    name = "scene"

    def __init__(self, samples: Any) -> None:
        self._samples = samples

    def run(self, deliver: Callable[[Any], None], stop: Event) -> None:
        for first in range(0, len(self._samples), _BLOCK):
            if stop.is_set():
                return
            deliver(self._samples[first : first + _BLOCK])
        stop.wait()


class Dictating:
    """A context: the daemon's parts at work on a scripted engine."""

    def __init__(
        self,
        folder: Path,
        scene: Scene,
        faults: list[dict[str, Any]],
        settings: Callable[[Path], Settings] | None = None,
    ) -> None:
        """`settings`: of the manifest; None: an engine on the processor alone."""
        self.scene = scene
        self.sound = scene.samples
        self.manifest = folder / "manifest.json"
        self._settings = (settings or _settings)(self.manifest)
        words = [word._asdict() for word in scene.words]
        script = {"words": words, "faults": faults, "card": {}}
        self.manifest.write_bytes(msgspec.json.encode(script))
        self.seen: list[tuple[str, dict[str, object]]] = []
        self.windows = Windows("editor")
        self._news = asyncio.Event()

    async def __aenter__(self) -> Self:
        clock, settings = MonotonicClock(), self._settings
        self.events = Dispatcher()
        self.events.subscribe(as_lines(self._note))
        self.shop = Components(settings, self.events, clock)
        context = self.shop.context
        self.stream = self.shop.stream(self.windows, DeliveryRules(offers=True))
        collector = CaptureSink(self.shop.text_pipeline(), self.shop.inbox.post)
        crew = self.shop.pool()
        self.retries = Retries(context, self.stream, crew, self.shop.text_pipeline)
        self.transcriber = Transcriber(context, self.stream, crew, collector, self.retries)
        self.engines = EngineManager(self.shop, crew)
        self.dictation = DictationController(
            context, self.transcriber, collector, self.engines, self
        )
        self.stream.start()
        self.engines.start()
        runloop = RunLoop(context, self.shop.inbox, self.engines.executor)
        self._running = asyncio.create_task(runloop.run(self.transcriber, self.dictation))
        return self

    async def __aexit__(self, *_: object) -> None:
        self.shop.inbox.post(StopRequested("the test is over"))
        if not await self._running:
            self.dictation.abandon()
        await self.retries.stop()
        await self.engines.stop_fetching()
        await self.stream.stop()
        await self.engines.stop()
        self.shop.close()

    @property
    def microphone(self) -> Played:
        """Where the dictation looks for it."""
        return Played(self.sound)

    @property
    def typed(self) -> list[str]:
        """The words in the window, in order."""
        return words_in(self.windows.fields["editor"])

    @property
    def held(self) -> list[str]:
        """The words that wait for `paste-last`."""
        return words_in(self.stream.delivery.held.whole)

    def told(self, event: str, **fields: object) -> list[dict[str, object]]:
        """The events of that name with these fields."""
        return [f for name, f in self.seen if name == event and fields.items() <= f.items()]

    async def until(self, is_so: Callable[[], bool], patience_s: float = PATIENCE_S) -> None:
        """Wait until it is so; looked at after each event."""
        async with asyncio.timeout(patience_s):
            while not is_so():
                self._news.clear()
                await self._news.wait()

    async def load_card(self) -> None:
        """Have the engine on the GPU serve: it is loaded while somebody dictates, here in vain."""
        self.sound = np.zeros(_BLOCK, np.int16)
        self.dictation.start()
        await self.until(lambda: self.engines.pool.placement == "gpu")
        self.dictation.stop()
        await self.until(lambda: self.dictation.state == "idle")
        self.sound = self.scene.samples

    async def eventually(self, is_so: Callable[[], bool]) -> None:
        """Wait until the spool has made it so on disk, which nothing tells."""
        async with asyncio.timeout(PATIENCE_S):
            while not is_so():
                await asyncio.sleep(0.01)

    async def dictate(self, patience_s: float = PATIENCE_S) -> None:
        """Say the scene, once more if need be, and wait until all of it is dealt with."""
        begun = len(self.told("speech_ended"))
        self.dictation.start()
        all_said = begun + len(self.scene.heard)
        await self.until(lambda: len(self.told("speech_ended")) >= all_said, patience_s)
        self.dictation.stop()
        await self.until(lambda: self.dictation.state == "idle", patience_s)

    def _note(self, event: str, fields: dict[str, object]) -> None:
        self.seen.append((event, dict(fields)))
        self._news.set()


def _settings(manifest: Path) -> Settings:
    asr = AsrSettings(engine="scripted", model=str(manifest), device="cpu", partials="off")
    return Settings(
        asr=asr,
        worker=WorkerSettings(hang_min_s=PATIENCE_S, nursery_min_available_mib=NO_FORKSERVER),
    )
