"""Files that are played one after the other through one worker: their wiring.

Apart from the daemon's: the decoder of sound files alone takes 20 MB, which a microphone spares.
"""

import asyncio
import signal
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self

from swictation.asr.registry import is_for_card, memory_forecast
from swictation.audio.source import Source
from swictation.audio.wavfile import FileSource, Pace
from swictation.clock import MonotonicClock
from swictation.config.settings import Settings
from swictation.daemon import eventlog
from swictation.daemon.diagnostics import name_leaks
from swictation.daemon.eventlog import EventLog
from swictation.daemon.fetching import find_model
from swictation.daemon.wiring import Workshop, engine_spec
from swictation.dictation.delivery.delivery import DeliveryRules
from swictation.dictation.file_run import Playing
from swictation.dictation.runloop import RunLoop
from swictation.dictation.stream import Outcome
from swictation.dictation.transcriber import Recognition
from swictation.dispatcher import Dispatcher
from swictation.errors import SwictationError
from swictation.events import StateChanged, StopRequested
from swictation.facts import FileRunEnded, ModelUnavailable, ServiceModeDegraded
from swictation.inject.injector import Injector
from swictation.inject.none import NoneInjector
from swictation.inject.stdout import StdoutInjector
from swictation.models.store.store import ModelLocation
from swictation.types import to_seconds
from swictation.worker.engine_choice import spare

if TYPE_CHECKING:  # only who has a card pays for it
    from swictation.worker.gpu_executor import Steward

_STDIN = Path("/dev/stdin")


def injector(name: Literal["stdout", "none"]) -> Injector:
    """The sink of that name."""
    return {"stdout": StdoutInjector, "none": NoneInjector}[name]()


def file_source(path: Path, pace: Pace = "fast") -> Source:
    """A sound file to listen to; "-" is standard input."""
    return FileSource(_STDIN if str(path) == "-" else path, pace)


class FileSession:
    """A run loop with its worker, for one file or more; an async context manager.

    Started in order and stopped in reverse; threads and workers that are left are named.
    """

    def __init__(self, settings: Settings, model: ModelLocation, events: Path | None) -> None:
        """In a running loop. Raises UsageError where `events` cannot be written."""
        self._settings = settings
        self._clock = MonotonicClock()
        self._events = Dispatcher()
        self._event_log = EventLog(events, self._clock)
        self._events.subscribe(self._event_log.on_fact)
        self._spec = engine_spec(settings, model)
        self._workshop = Workshop(settings, self._events, self._clock)
        self._crew = self._workshop.crew()
        self._mode = ""
        self._spare: Settings | None = None
        """What takes over from an engine on a card, until it has been had."""
        self.device = ""
        """Where the engine computes: "" until a worker was ready."""
        self.stood_in = ""
        """Why another engine than the one of the settings was asked for once, in words."""
        self._steward = self._workshop.steward(self._crew, self._on_mode)

    async def __aenter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, self._on_signal, number)
        if self._steward:
            self._begin_card(self._steward)
        else:
            self._crew.cpu.start(self._spec)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._crew.stop()
        if self._steward:
            self._steward.stop()
        self._workshop.close()
        self._event_log.close()
        name_leaks()

    async def play(self, source: Source, sink: Injector) -> Outcome:
        """Turn `source` into text for `sink`, to its end.

        Raises:
            SwictationError: no worker can be kept alive; what was not decoded stays in the spool.
        """
        stream = self._workshop.stream(sink, DeliveryRules())
        recognition = Recognition(self._workshop.context, stream, self._crew)
        recognition.show_partials(wanted=self._wants_partials)
        playing = Playing(stream, recognition, self._crew, self._events, device=self.device)
        self._crew.begin_stream()
        self._events.emit(StateChanged("listening", 0.0))
        stream.start()
        stream.listen(source, self._workshop.inbox.post)
        try:
            runloop = RunLoop(self._workshop.context, self._workshop.inbox, self._steward)
            if not await runloop.run(recognition, playing):
                playing.abandon()
            if playing.outcome.text or not playing.outcome.error:
                await sink.flush()
        finally:
            await stream.stop()
            self.device = playing.device
            usage = eventlog.snapshot(self._crew.serving.pid)
            self._events.emit(FileRunEnded(to_seconds(stream.heard_sample), usage))
        return playing.finish()

    @property
    def _wants_partials(self) -> bool:
        wish = self._settings.asr.partials
        return wish == "on" or (wish == "auto" and self._event_log.has_reader)

    def _begin_card(self, steward: "Steward") -> None:
        """Both engines; the one on the processor may be missing."""
        steward.have("gpu", self._spec, memory_forecast(self._spec))
        self._spare = spare(self._settings)
        if not is_for_card(self._settings.asr.engine):
            self._have_spare(
                steward
            )  # else it would have done a short file before the card is ready
        steward.start()

    def _have_spare(self, steward: "Steward") -> None:
        other, self._spare = self._spare, None
        if other is None:
            return
        try:
            steward.have("cpu", engine_spec(other, find_model(other)))
        except SwictationError as error:
            self._events.emit(ModelUnavailable(error.message, error.remedy))
            steward.miss_cpu()

    def _on_mode(self, mode: str, reason: str) -> None:
        if mode and mode != self._mode:
            self._events.emit(ServiceModeDegraded(mode, reason))
        self._mode = mode
        self.stood_in = reason or self.stood_in
        if mode and self._spare and self._steward:
            # Not from within: it is the steward that tells of the mode.
            asyncio.get_running_loop().call_soon(self._have_spare, self._steward)

    @property
    def serves(self) -> tuple[str, str]:
        """The engine that served last, and its model."""
        return self._crew.serves

    def _on_signal(self, number: signal.Signals) -> None:
        self._workshop.inbox.post(StopRequested(signal.Signals(number).name))
