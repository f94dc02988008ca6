"""A dictation whose ear and engine are the test: it says what is heard and what that means.

All between is real: session, commit rule, composer, delivery, held texts, run loop.
"""

import asyncio
import itertools
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import numpy as np

from fakes.eventlines import as_lines
from fakes.typed_text import TypedText
from fakes.windows import Windows
from patience import PATIENCE_S
from swictation.asr.engine import EngineSpec
from swictation.asr.partials import PartialPacer
from swictation.asr.stabilizer import Stabilizer
from swictation.audio.journal import RING_S, Journal
from swictation.clock import SimClock
from swictation.config.settings import TextSettings
from swictation.dictation.capture_sink import CaptureSink
from swictation.dictation.context import LoopContext
from swictation.dictation.controller import DictationController
from swictation.dictation.degraded import Degradations
from swictation.dictation.delivery.delivery import Delivery, DeliveryRules
from swictation.dictation.runloop import Inbox, RunLoop
from swictation.dictation.speech_thread import SpeechThread
from swictation.dictation.stream import StoredSound, Stream
from swictation.dictation.transcriber import Transcriber
from swictation.dispatcher import Dispatcher
from swictation.events import DictationProcessed, Event, PointsFound, RingStrained, WorkerAnswered
from swictation.gpu.effects import Route
from swictation.types import (
    Capabilities,
    DecodeRequest,
    Hypothesis,
    SilenceConfirmed,
    SilenceNoticed,
    SpeechEnded,
    SpeechStarted,
    to_samples,
)


class Engine:
    """Stands where engines and pool do, its only worker on the processor; it answers when told."""

    is_ready = True
    is_bloated = False
    is_hopeless = False
    does_partials = False
    has_standby = True
    chunking = None
    ready_spec = EngineSpec("scripted", "paper", "", "en")
    capabilities = Capabilities("cpu", ("en",))

    def __init__(self) -> None:
        self.asked: list[DecodeRequest] = []
        self.sent: list[object] = []
        self.cpu = self
        self.wakes = 0

    def route(self, request: DecodeRequest, *, deaths_on_gpu: int = 0) -> Route:
        return Route("cpu")

    def at(self, seat: str) -> "Engine":
        return self

    def is_asked(self, number: int) -> bool:
        return any(request.number == number for request in self.asked)

    def send(self, request: DecodeRequest, samples: object, route: Route) -> None:
        self.asked.append(request)
        self.sent.append(samples)

    def wake(self) -> None:
        self.wakes += 1

    def on_worker(self, event: object) -> None:
        pass


class _Silence:
    """A microphone that gives one block and then waits."""

    can_wait = False
    name = "silence"

    def run(self, deliver: Callable[[Any], None], stop: threading.Event) -> None:
        deliver(np.zeros(1600, np.int16))
        stop.wait()


class MicrophoneManager:
    """Has such a microphone each time."""

    @property
    def microphone(self) -> _Silence:
        return _Silence()


class Dictated:
    """`dictation` is under test; `told` holds the facts, as `--events` names them."""

    def __init__(self, spool=None, ring_s=RING_S) -> None:
        self.clock = SimClock(100.0)
        self.engine, self.windows = Engine(), Windows("editor", "chat")
        self.told: list[tuple[str, dict[str, object]]] = []
        self._posted: list[Event] = []
        self._numbers = itertools.count(1)
        self.events = events = Dispatcher()
        events.subscribe(as_lines(lambda event, fields: self.told.append((event, fields))))
        post = self._posted.append
        degradations = Degradations(self.clock)
        context = LoopContext(self.clock, post, events, degradations, self._numbers)
        read_back = spool.read_back if spool else None
        journal = Journal(ring_s, read_back, lambda: post(RingStrained()))
        self.stream = Stream(
            StoredSound(journal, spool),
            SpeechThread(journal, lambda *_: None, post, self.clock),
            Delivery(context, self.windows, self._composer(), spool, DeliveryRules()),
            PartialPacer(0.5),
            self._stabilizer,
        )
        collector = CaptureSink(self._composer(), post)
        self.transcriber = Transcriber(context, self.stream, self.engine, collector)
        self.dictation = DictationController(
            context, self.transcriber, collector, self.engine, MicrophoneManager()
        )
        self._runloop = RunLoop(context, Inbox())
        self.stream.delivery.start()

    @property
    def field(self) -> str:
        return self.windows.fields["editor"]

    @property
    def deadline_s(self) -> float | None:
        return self._runloop.deadline_s

    @property
    def held(self) -> str:
        return self.stream.delivery.held.whole

    def texts(self, event: str) -> list[object]:
        """What the events of that name said."""
        return [fields["text"] for name, fields in self.told if name == event]

    async def post(self, event: Event) -> None:
        """Let the run loop handle it, and all that follows of it."""
        self._posted.append(event)
        await self.settle()

    async def settle(self) -> None:
        while True:
            while self._posted:
                self._runloop._handle(self._posted.pop(0), self.transcriber, self.dictation)
            await self.stream.delivery.stop()
            self.stream.delivery.start()
            await asyncio.sleep(0)
            if not self._posted:
                return

    async def begin(self, utterance: int) -> None:
        """Somebody begins to speak."""
        at = to_samples(10.0 * utterance)
        await self._points(SpeechStarted(utterance, at + 1600, at, at, continues=False))

    async def pause(self, utterance: int) -> None:
        """A pause: the engine is asked."""
        at = to_samples(10.0 * utterance + 2.0)
        await self._points(SilenceNoticed(utterance, at, at), SilenceConfirmed(utterance, at))

    async def end(self, utterance: int) -> None:
        """The utterance is over: the engine is asked."""
        at = to_samples(10.0 * utterance + 4.0)
        await self._points(SpeechEnded(utterance, at + 1600, at, "silence"))

    async def heard(self) -> None:
        """The ear has heard the oldest dictation to its end."""
        await self.post(DictationProcessed(0))

    async def answer(self, text: str, request: DecodeRequest | None = None) -> None:
        """Of the engine, to what it was asked last."""
        number = (request or self.engine.asked[-1]).number
        answer = WorkerAnswered(1, number, Hypothesis(text, confident=True), self.clock.now_s())
        await self.post(answer)

    async def say(self, utterance: int, text: str) -> None:
        """A whole utterance."""
        await self.begin(utterance)
        await self.end(utterance)
        await self.answer(text)

    async def close(self) -> None:
        if capture := self.stream.capture:
            capture.cut_off()
            capture.join()
        await self.stream.delivery.stop()

    async def _points(self, *points) -> None:
        await self.post(PointsFound(tuple(points), self.clock.now_s()))

    def _stabilizer(self) -> Stabilizer:
        return Stabilizer(self._numbers, 4.0, 0.2)

    def _composer(self) -> TypedText:
        return TypedText(TextSettings(), "en")


def dictated(test: Callable[[Dictated], Coroutine[Any, Any, None]], **options: Any) -> None:
    """Run `test` on a fresh one, with an end to it."""

    async def limited() -> None:
        one = Dictated(**options)
        async with asyncio.timeout(PATIENCE_S):
            try:
                await test(one)
            finally:
                await one.close()

    asyncio.run(limited())
