"""The daemon: starts its parts in order, stops them in reverse, names threads left running."""

import asyncio
import contextlib
import logging
import signal
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path

import msgspec

from swictation.clock import Clock, MonotonicClock
from swictation.config.load import Loaded
from swictation.config.settings import Settings
from swictation.control.bus.interface import Controls
from swictation.control.bus.service import BusService
from swictation.control.desktop.cues import Cues
from swictation.control.desktop.notifier import Notifier
from swictation.control.desktop.screen_lock import ScreenLock
from swictation.control.desktop.sleep import SleepWatch
from swictation.daemon import diagnostics, systemd, wiring
from swictation.daemon.diagnostics import name_leaks
from swictation.daemon.engine_manager import EngineManager
from swictation.daemon.eventlog import EventLog
from swictation.daemon.feedback import Feedback
from swictation.daemon.microphone_manager import MicrophoneManager
from swictation.daemon.rereading import Rereading
from swictation.daemon.single_instance import single_instance
from swictation.daemon.status_builder import StatusBuilder
from swictation.daemon.watchdog import INTERVAL_S, Watchdog
from swictation.dictation.capture_sink import CaptureSink
from swictation.dictation.controller import DictationController
from swictation.dictation.degraded import NO_WINDOW
from swictation.dictation.delivery.delivery import DeliveryRules
from swictation.dictation.retries import Retries
from swictation.dictation.runloop import RunLoop
from swictation.dictation.transcriber import Transcriber
from swictation.dispatcher import Dispatcher
from swictation.errors import BusError, SwictationError, with_remedy
from swictation.events import StateChanged, StopRequested, ThreadFailed
from swictation.facts import (
    ConfigDoubted,
    ConfigRejected,
    Fact,
    InjectorUnavailable,
    PartialTranscript,
    StatusChanged,
    TextCommitted,
)
from swictation.inject.desktop import CLIPBOARD, DesktopInjector
from swictation.inject.registry import openers
from swictation.paths import daemon_lock_files
from swictation.worker.engine_choice import wants_gpu

_log = logging.getLogger(__name__)


class Options(msgspec.Struct, frozen=True):
    """What the command line asks of a daemon."""

    load_settings: Callable[[], Loaded]
    """Reads the configuration, again at SIGHUP and then on another thread. Raises ConfigError."""
    chain: tuple[str, ...] = ()
    """Ways to deliver text, instead of those of the configuration."""
    events: Path | None = None
    listens_at_once: bool = False
    """Listen without waiting for a hotkey, and without a bus if there is none."""
    on_ready: Callable[[], None] = lambda: None
    """Called when the daemon can take commands."""


class Daemon:
    """Runs everything from the microphone to the window."""

    def __init__(self, options: Options) -> None:
        """Raises ConfigError."""
        self._options = options
        self._settings = options.load_settings().settings

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT.

        Raises:
            AlreadyRunning: there is another daemon.
            UsageError: the event file cannot be written.
            SwictationError: a part cannot start, or failed.
        """
        with single_instance(*daemon_lock_files()):
            clock = MonotonicClock()
            event_log = EventLog(
                self._options.events, clock
            )  # locked: no other daemon's file is cut
            try:
                async with contextlib.AsyncExitStack() as stops:
                    app = App(self._options, self._settings, clock, event_log)
                    await app.start(stops)
                    await app.run()
                    systemd.notify("STOPPING=1")
            finally:
                event_log.close()
                await asyncio.get_running_loop().shutdown_default_executor()
                name_leaks()


class App:
    """The daemon's parts. All are made here, then started in order, and stopped in reverse."""

    def __init__(
        self, options: Options, settings: Settings, clock: Clock, event_log: EventLog
    ) -> None:
        """Make all parts, in a running loop."""
        self._options = options
        self._settings = settings
        self._event_log = event_log
        self._events = events = Dispatcher()
        events.subscribe(event_log.on_fact)
        self._components = components = wiring.Components(settings, events, clock)
        context = components.context
        self._degradations = context.degradations
        self._microphones = MicrophoneManager(context, settings)
        chain = options.chain or settings.inject.chain
        self._injector = DesktopInjector(
            openers(chain, settings.inject), on_change=self._on_injector
        )
        rules = DeliveryRules(settings.inject.max_age_s, offers=CLIPBOARD in chain)
        self._stream = components.stream(self._injector, rules)
        pool, sink = components.pool(), CaptureSink(components.text_pipeline(), context.post)
        self._retries = Retries(context, self._stream, pool, components.text_pipeline)
        self._transcriber = Transcriber(context, self._stream, pool, sink, self._retries)
        self._engines = EngineManager(components, pool)
        executor = self._engines.executor
        self._dictation = DictationController(
            context, self._transcriber, sink, self._engines, self._microphones
        )
        self._runloop = RunLoop(context, components.inbox, executor)
        self._status_builder = StatusBuilder(
            context, self._dictation, self._engines, self._microphones, self._injector
        )
        self._bus = BusService(self._controls())
        self._notifier, self._cues = Notifier(), Cues()
        self._feedback = Feedback(self._notifier, self._cues, settings.feedback)
        self._lock = ScreenLock(self._dictation.lock)
        self._sleep = SleepWatch(executor.suspend, executor.resume) if executor else None
        self._watchdog = Watchdog(
            asyncio.get_running_loop(),
            {"speech": self._stream.speech.has_progressed},
            lambda: systemd.notify("WATCHDOG=1"),
            systemd.watchdog_interval_s() or INTERVAL_S,
        )
        self._rereading = Rereading(options.load_settings, self._on_reread)
        for part in (self._status_builder, self._feedback, self._degradations, self._microphones):
            events.subscribe(part.on_fact)
        events.subscribe(self._signal)  # last: it publishes what the parts know by now
        self._on_subscribers(0)

    def _controls(self) -> Controls:
        dictation = self._dictation
        return Controls(
            toggle=dictation.toggle,
            start=dictation.start,
            stop=dictation.stop,
            cancel=dictation.cancel,
            capture=dictation.capture,
            paste_last=dictation.paste_last,
            retry=dictation.retry,
            reset_card=self._engines.reset_card,
            status=self._status_builder.status,
            subscribers_changed=self._on_subscribers,
        )

    # --- start, in order ---------------------------------------------------------------------

    async def start(self, stops: contextlib.AsyncExitStack) -> None:
        """Start all parts; `stops` ends them in reverse order, after a failed start too."""
        self._start_hooks()
        stops.callback(self._components.close)
        stops.push_async_callback(self._engines.stop)
        await self._start_microphone(stops, beside=self._start_session(stops))
        self._start_watchdog(stops)
        self._start_signals()
        self._start_rereading(stops)
        self._start_engines(stops)
        self._tell_ready()

    async def run(self) -> None:
        """Run until asked to end and what was said by then is text."""
        if not await self._runloop.run(self._transcriber, self._dictation):
            self._dictation.abandon()
        self._dictation.say_what_is_held()
        await self._injector.flush()

    async def _start_session(self, stops: contextlib.AsyncExitStack) -> None:
        """Start the parts that connect the daemon with the desktop, and the stream."""
        await self._start_injector(stops)
        self._start_stream(stops)
        await self._start_bus(stops)
        await self._start_feedback(stops)
        await self._start_screen_lock(stops)
        await self._start_sleep_watch(stops)

    def _start_hooks(self) -> None:
        diagnostics.on_signal()
        threading.excepthook = self._on_thread_failure

    async def _start_microphone(
        self, stops: contextlib.AsyncExitStack, beside: Coroutine[None, None, None]
    ) -> None:
        """Start it beside the others, since the first block takes time; stop it before them."""
        async with contextlib.AsyncExitStack() as unless_started:
            unless_started.push_async_callback(self._microphones.stop)
            await asyncio.gather(self._microphones.start(), beside)
            stops.push_async_exit(unless_started.pop_all())

    async def _start_injector(self, stops: contextlib.AsyncExitStack) -> None:
        stops.push_async_callback(self._injector.close)
        await self._injector.start()

    def _start_stream(self, stops: contextlib.AsyncExitStack) -> None:
        self._stream.start()
        stops.push_async_callback(self._stream.stop)
        stops.push_async_callback(self._retries.stop)

    async def _start_bus(self, stops: contextlib.AsyncExitStack) -> None:
        try:
            await self._bus.start()
        except BusError as error:
            if not self._options.listens_at_once:
                raise
            _log.warning("%s Hotkeys and other commands cannot reach this daemon.", error.message)
        stops.push_async_callback(self._bus.stop)

    async def _start_feedback(self, stops: contextlib.AsyncExitStack) -> None:
        await self._notifier.start()
        stops.push_async_callback(self._notifier.stop)
        stops.push_async_callback(self._cues.stop)

    async def _start_screen_lock(self, stops: contextlib.AsyncExitStack) -> None:
        await self._lock.start()
        stops.push_async_callback(self._lock.stop)

    async def _start_sleep_watch(self, stops: contextlib.AsyncExitStack) -> None:
        if self._sleep:  # without a GPU there is nothing to give back
            await self._sleep.start()
            stops.push_async_callback(self._sleep.stop)

    def _start_watchdog(self, stops: contextlib.AsyncExitStack) -> None:
        self._watchdog.start()
        stops.callback(self._watchdog.stop)

    def _start_signals(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, self._on_signal, number)

    def _start_rereading(self, stops: contextlib.AsyncExitStack) -> None:
        stops.callback(self._rereading.stop)
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._reload)

    def _start_engines(self, stops: contextlib.AsyncExitStack) -> None:
        self._engines.start()
        stops.push_async_callback(self._engines.stop_fetching)

    def _tell_ready(self) -> None:
        self._publish()
        systemd.notify("READY=1")
        if self._options.listens_at_once:
            self._dictation.start()
        self._options.on_ready()

    # --- what happens ------------------------------------------------------------------------

    def _on_thread_failure(self, failure: threading.ExceptHookArgs) -> None:
        """Runs on the failed thread. Its message may hold anything: only its type is reported."""
        name = failure.thread.name if failure.thread else "unknown"
        self._components.context.post(ThreadFailed(name, failure.exc_type.__name__))

    def _on_signal(self, number: signal.Signals) -> None:
        self._components.context.post(StopRequested(signal.Signals(number).name))

    def _signal(self, fact: Fact) -> None:
        """Tell the bus and systemd."""
        match fact:
            case PartialTranscript():
                self._bus.partial(fact.utterance, fact.text)
                return
            case TextCommitted() if fact.number:  # captured text is for its caller alone
                self._bus.committed(fact.utterance, fact.text)
            case StateChanged():
                systemd.status(fact.state)
            case _:
                pass
        self._publish()

    def _publish(self) -> None:
        self._bus.publish(self._status_builder.status())

    def _on_subscribers(self, with_text: int) -> None:
        self._with_text = with_text
        partials = self._settings.asr.partials
        is_read = with_text > 0 or self._event_log.has_reader
        self._transcriber.show_partials(wanted=partials == "on" or (partials == "auto" and is_read))

    def _on_injector(self) -> None:
        injector, degradations = self._injector, self._degradations
        only_clipboard = injector.name == CLIPBOARD and bool(injector.why)
        reason = injector.why if only_clipboard else injector.lost
        if reason and not degradations.has(NO_WINDOW):
            self._events.emit(InjectorUnavailable(reason))
        degradations.put(NO_WINDOW, reason)
        self._events.emit(StatusChanged())

    # --- reload ------------------------------------------------------------------------------

    def _reload(self) -> None:
        systemd.notify("RELOADING=1")
        self._rereading.ask()

    def _on_reread(self, found: Loaded | SwictationError) -> None:
        if isinstance(found, SwictationError):
            first, *rest = found.message.splitlines()
            message = " ".join(line.strip() for line in [first, *rest])
            self._events.emit(ConfigRejected(with_remedy(message, found.remedy)))
        else:
            for warning in found.warnings:
                self._events.emit(ConfigDoubted(warning))
            self._apply(found.settings)
        systemd.notify("READY=1")

    def _apply(self, settings: Settings) -> None:
        """Use new settings: the next dictation those it begins with, the engine its own at once."""
        old, self._settings = self._settings, settings
        again = systemd.how_to_restart()
        for part in ("spool", "worker", "inject", "vram"):
            if getattr(old, part) != getattr(settings, part):
                _log.warning("[%s] takes effect after a restart: %s", part, again)
        if wants_gpu(old) != wants_gpu(settings):
            # All of [asr]: an engine for a GPU, loaded for the CPU alone, would be another model.
            _log.warning("[asr] takes effect after a restart: %s", again)
            self._settings = settings = msgspec.structs.replace(settings, asr=old.asr)
        self._components.configure(settings)
        self._stream.delivery.rewrite(self._components.text_pipeline())
        self._feedback.configure(settings.feedback)
        if old.audio != settings.audio:
            self._microphones.change(settings, is_listening=self._dictation.state == "listening")
        if (old.asr, old.engines) != (settings.asr, settings.engines):
            self._engines.change(settings)
        self._on_subscribers(self._with_text)
        _log.info("the configuration is read again")
