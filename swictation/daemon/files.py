"""Wiring for files that are played one after the other through one worker.

Separate from the daemon's: the decoder of sound files takes 20 MB, useless for a microphone.
"""

import asyncio
import signal
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from swictation.asr.registry import is_for_gpu, memory_forecast
from swictation.audio.source import Source
from swictation.audio.wavfile import FileSource, Pace, check
from swictation.clock import MonotonicClock
from swictation.config.settings import InjectSettings, Settings
from swictation.daemon import eventlog
from swictation.daemon.diagnostics import name_leaks
from swictation.daemon.eventlog import EventLog
from swictation.daemon.fetching import find_model
from swictation.daemon.wiring import Components, engine_spec
from swictation.dictation.delivery.delivery import DeliveryRules
from swictation.dictation.file_run import FileRun
from swictation.dictation.runloop import RunLoop
from swictation.dictation.stream import Outcome
from swictation.dictation.transcriber import Transcriber
from swictation.dispatcher import Dispatcher
from swictation.errors import AudioError, SwictationError
from swictation.events import StateChanged, StopRequested
from swictation.facts import FileRunEnded, ModelUnavailable, ServiceModeDegraded
from swictation.inject.injector import Injector
from swictation.inject.registry import openers
from swictation.models.store.store import ModelLocation
from swictation.types import to_seconds
from swictation.worker.engine_choice import standby

if TYPE_CHECKING:  # only GPU users pay for it
    from swictation.worker.gpu_executor import GpuExecutor

_STDIN = Path("/dev/stdin")


async def open_injector(name: str, settings: InjectSettings) -> Injector:
    """The way to deliver text that has that name. Raises InjectError."""
    return await openers((name,), settings)[name]()


def file_source(path: Path, pace: Pace = "fast") -> Source:
    """A sound file to listen to; "-" is standard input."""
    return FileSource(_STDIN if str(path) == "-" else path, pace)


def sound_fault(path: Path) -> AudioError | None:
    """What is wrong with a file, as far as its beginning shows."""
    try:
        if str(path) != "-":
            check(path)
    except AudioError as error:
        return error
    return None


class FileSession:
    """A run loop with its worker, for one file or more; an async context manager.

    Started in order and stopped in reverse; threads and workers that are left are named.
    """

    def __init__(self, settings: Settings, model: ModelLocation, events: Path | None) -> None:
        """Needs a running loop. Raises UsageError where `events` cannot be written."""
        self._settings = settings
        self._clock = MonotonicClock()
        self._events = Dispatcher()
        self._event_log = EventLog(events, self._clock)
        self._events.subscribe(self._event_log.on_fact)
        self._spec = engine_spec(settings, model)
        self._components = Components(settings, self._events, self._clock)
        self._pool = self._components.pool()
        self._mode = ""
        self._standby: Settings | None = None
        """The engine that takes over from one on a GPU; None once it was looked for."""
        self.device = ""
        """Where the engine computes: "" until a worker was ready."""
        self.stood_in = ""
        """Why an engine other than the configured one served at some time, in words."""
        self._executor = self._components.executor(self._pool, self._on_mode)

    async def __aenter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, self._on_signal, number)
        if self._executor:
            self._begin_gpu(self._executor)
        else:
            self._pool.cpu.start(self._spec)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._pool.stop()
        if self._executor:
            self._executor.stop()
        self._components.close()
        self._event_log.close()
        name_leaks()

    async def play(self, source: Source, sink: Injector) -> Outcome:
        """Turn `source` into text for `sink`, to its end.

        Raises:
            SwictationError: no worker can be kept alive; what was not decoded stays in the spool.
        """
        stream = self._components.stream(sink, DeliveryRules())
        transcriber = Transcriber(self._components.context, stream, self._pool)
        transcriber.show_partials(wanted=self._wants_partials)
        run = FileRun(stream, transcriber, self._pool, self._events, device=self.device)
        self._pool.begin_stream()
        self._events.emit(StateChanged("listening", 0.0))
        stream.start()
        stream.listen(source, self._components.inbox.post)
        try:
            runloop = RunLoop(self._components.context, self._components.inbox, self._executor)
            if not await runloop.run(transcriber, run):
                run.abandon()
            if run.outcome.text or not run.outcome.error:
                await sink.flush()
        finally:
            await stream.stop()
            self.device = run.device
            usage = eventlog.snapshot(self._pool.serving.pid)
            self._events.emit(FileRunEnded(to_seconds(stream.heard_sample), usage))
        return run.finish()

    @property
    def _wants_partials(self) -> bool:
        partials = self._settings.asr.partials
        return partials == "on" or (partials == "auto" and self._event_log.has_reader)

    def _begin_gpu(self, executor: "GpuExecutor") -> None:
        """Set both engines; the one on the CPU may be missing."""
        executor.set_engine("gpu", self._spec, memory_forecast(self._spec))
        self._standby = standby(self._settings)
        if not is_for_gpu(self._settings.asr.engine):
            # Else later: it would have done a short file before the GPU is ready.
            self._ensure_standby(executor)
        executor.start()

    def _ensure_standby(self, executor: "GpuExecutor") -> None:
        other, self._standby = self._standby, None
        if other is None:
            return
        try:
            executor.set_engine("cpu", engine_spec(other, find_model(other)))
        except SwictationError as error:
            self._events.emit(ModelUnavailable(error.message, error.remedy))
            executor.cpu_unavailable()

    def _on_mode(self, mode: str, reason: str) -> None:
        if mode and mode != self._mode:
            self._events.emit(ServiceModeDegraded(mode, reason))
        self._mode = mode
        self.stood_in = reason or self.stood_in
        if mode and self._standby and self._executor:
            # Later: this is called from within the GPU executor.
            asyncio.get_running_loop().call_soon(self._ensure_standby, self._executor)

    @property
    def serves(self) -> tuple[str, str]:
        """The engine that served last, and its model."""
        return self._pool.serves

    def _on_signal(self, number: signal.Signals) -> None:
        self._components.inbox.post(StopRequested(signal.Signals(number).name))
