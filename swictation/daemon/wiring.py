"""The one place that knows every adapter and puts them together."""

import asyncio
import itertools
import logging
import signal
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import msgspec

from swictation.asr.engine import EngineSpec
from swictation.asr.partials import PartialPacer
from swictation.asr.stabilizer import Stabilizer
from swictation.audio.journal import Journal
from swictation.audio.source import Source
from swictation.audio.spool import Spool
from swictation.audio.spoolfile import SpoolFolder
from swictation.audio.wavfile import FileSource, Pace
from swictation.clock import MonotonicClock
from swictation.config.settings import Settings
from swictation.daemon.capture import Capture
from swictation.daemon.delivery import Delivery
from swictation.daemon.eventlog import EventLog
from swictation.daemon.inbox import Inbox
from swictation.daemon.runloop import RunLoop
from swictation.daemon.speech import SpeechThread
from swictation.daemon.stream import Outcome, Stream
from swictation.events import SpoolFailed, StopRequested
from swictation.inject.injector import Injector
from swictation.inject.none import NoneInjector
from swictation.inject.stdout import StdoutInjector
from swictation.models.store import ModelLocation
from swictation.paths import spool_dir
from swictation.text.compose import Composer
from swictation.vad.endpointer import Endpointer
from swictation.vad.gate import EnergyGate
from swictation.vad.level import LevelNormaliser
from swictation.vad.listener import Listener
from swictation.vad.silero_cpu import SileroCpu
from swictation.worker.supervisor import Supervisor

_REPORT_S = {"with partials": 0.1, "without": 1.0}

_STDIN = Path("/dev/stdin")

_log = logging.getLogger(__name__)


def injector(name: Literal["stdout", "none"]) -> Injector:
    """The sink of that name."""
    return StdoutInjector() if name == "stdout" else NoneInjector()


def file_source(path: Path, pace: Pace = "fast") -> Source:
    """A sound file to listen to; "-" is standard input."""
    return FileSource(_STDIN if str(path) == "-" else path, pace)


def listener(settings: Settings) -> Listener:
    """A fresh ear for one stream."""
    gate = EnergyGate() if settings.vad.energy_gate else None
    normaliser = LevelNormaliser() if settings.vad.raise_quiet else None
    return Listener(SileroCpu(), Endpointer(settings.vad), gate, normaliser)


def engine_spec(settings: Settings, model: ModelLocation) -> EngineSpec:
    """What the worker is told to load."""
    own = settings.whisper if settings.asr.engine == "whisper" else None
    options: dict[str, Any] = msgspec.structs.asdict(own) if own else {}
    return EngineSpec(
        engine=settings.asr.engine,
        model=model.name,
        model_path=str(model.path),
        language=settings.asr.language,
        options=options,
    )


class Session:
    """A run loop with its worker, for one or more streams; an async context manager.

    Started in order and stopped in reverse; threads and workers that are left are named.
    """

    def __init__(self, settings: Settings, model: ModelLocation, events: Path | None) -> None:
        """Raises UsageError where `events` cannot be written."""
        self._settings = settings
        self._clock = MonotonicClock()
        self._events = EventLog(events, self._clock)
        self._spec = engine_spec(settings, model)
        self._numbers = itertools.count(1)
        self._streams = itertools.count()
        self._folder: SpoolFolder | None = None

    async def __aenter__(self) -> Self:
        self._inbox = Inbox()
        self._supervisor = Supervisor(self._spec, self._settings.worker, self._inbox.post)
        self._runloop = RunLoop(self._inbox, self._supervisor, self._events, self._clock)
        self._open_spool()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, self._on_signal, number)
        self._supervisor.start()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._supervisor.stop()
        if self._folder:
            self._folder.close()
        self._events.close()
        for thread in threading.enumerate():
            if thread is not threading.main_thread():
                _log.warning("the thread %s was left running: probably a bug", thread.name)

    async def play(self, source: Source, sink: Injector) -> Outcome:
        """Turn `source` into text for `sink`; see `RunLoop.play`."""
        return await self._runloop.play(self._stream(source, sink))

    @property
    def device(self) -> str:
        """Where the engine computes: "" until a worker is ready."""
        return self._runloop.device

    def _stream(self, source: Source, sink: Injector) -> Stream:
        settings, post = self._settings, self._inbox.post
        spool = self._spool()
        journal = Journal(read_back=spool.read_back if spool else None)
        wants_partials = settings.asr.partials == "on" or (
            settings.asr.partials == "auto" and self._events.has_reader
        )
        report_s = _REPORT_S["with partials" if wants_partials else "without"]
        return Stream(
            journal=journal,
            spool=spool,
            capture=Capture(source, journal, post),
            speech=SpeechThread(journal, listener(settings), post, self._clock, report_s),
            stabilizer=Stabilizer(self._numbers),
            composer=Composer(settings.text, settings.asr.language),
            injector=sink,
            delivery=Delivery(sink, spool, post),
            partials=PartialPacer(settings.vad.threshold) if wants_partials else None,
        )

    def _open_spool(self) -> None:
        if not self._settings.spool.enabled:
            return
        try:
            self._folder = SpoolFolder(spool_dir())
        except OSError as error:
            self._inbox.post(SpoolFailed(f"{spool_dir()}: {error.strerror}"))

    def _spool(self) -> Spool | None:
        if self._folder is None:
            return None
        max_minutes = self._settings.spool.max_minutes
        return Spool(
            self._folder,
            next(self._streams),
            max_minutes,
            lambda reason: self._inbox.post(SpoolFailed(reason)),
        )

    def _on_signal(self, number: signal.Signals) -> None:
        self._inbox.post(StopRequested(signal.Signals(number).name))
