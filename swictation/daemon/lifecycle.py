"""The daemon: its parts started in order, stopped in reverse, what is left over named."""

import asyncio
import contextlib
import logging
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec

from swictation.clock import MonotonicClock
from swictation.config.settings import Settings
from swictation.control.cues import Cues
from swictation.control.dbus import BusService
from swictation.control.notifier import Notifier
from swictation.control.screenlock import ScreenLock
from swictation.control.sleep import SleepWatch
from swictation.daemon import stacks, systemd, wiring
from swictation.daemon.alone import alone
from swictation.daemon.collector import Collector
from swictation.daemon.degraded import LOSING, NO_SPOOL, NO_WINDOW, Degradations
from swictation.daemon.dictation import Dictation
from swictation.daemon.ear import Ear
from swictation.daemon.engines import Engines
from swictation.daemon.eventlog import EventLog
from swictation.daemon.feedback import Feedback
from swictation.daemon.injectors import injector_opener
from swictation.daemon.leaks import name_leaks
from swictation.daemon.panel import Panel
from swictation.daemon.recognition import Recognition
from swictation.daemon.report import Report
from swictation.daemon.rereading import Rereading
from swictation.daemon.runloop import RunLoop
from swictation.daemon.staffing import wants_card
from swictation.daemon.watchdog import INTERVAL_S, Watchdog
from swictation.errors import BusError, SwictationError
from swictation.events import StopRequested, ThreadFailed
from swictation.inject.desktop import CLIPBOARD, DesktopInjector
from swictation.paths import daemon_lock_files
from swictation.remedies import restart

_log = logging.getLogger(__name__)


class Options(msgspec.Struct, frozen=True):
    """What the command line asks of a daemon."""

    load_settings: Callable[[], Settings]
    """Reads the configuration, again at SIGHUP and then on another thread. Raises ConfigError."""
    chain: tuple[str, ...] = ()
    """Ways to deliver text, instead of those of the configuration."""
    events: Path | None = None
    listens_at_once: bool = False
    """Without a hotkey, and without a bus if there is none."""
    on_ready: Callable[[], None] = lambda: None
    """Called when it can be told what to do."""


class Daemon:
    """Everything from the microphone to the window, for as long as it is wanted."""

    def __init__(self, options: Options) -> None:
        """Raises ConfigError."""
        self._options = options
        self._settings = options.load_settings()
        self._clock = MonotonicClock()

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT.

        Raises:
            AlreadyRunning: there is another one.
            UsageError: the events cannot be written.
            SwictationError: it cannot begin, or a part broke off.
        """
        with alone(*daemon_lock_files()):
            self._events = EventLog(self._options.events, self._clock)  # another's are not cut
            try:
                async with contextlib.AsyncExitStack() as parts:
                    await self._start(parts)
                    runloop = RunLoop(
                        self._workshop.inbox, self._events, self._clock, self._engines.steward
                    )
                    if not await runloop.run(self._recognition, self._dictation):
                        self._dictation.abandon()
                    self._dictation.say_what_is_held()
                    await self._injector.flush()
                    systemd.notify("STOPPING=1")
            finally:
                self._events.close()
                await asyncio.get_running_loop().shutdown_default_executor()
                name_leaks()

    # --- start, in order ---------------------------------------------------------------------

    async def _start(self, parts: contextlib.AsyncExitStack) -> None:
        stacks.on_signal()
        threading.excepthook = self._on_thread_failure
        self._build()
        parts.callback(self._workshop.close)
        parts.push_async_callback(self._engines.stop)
        async with contextlib.AsyncExitStack() as unless_started:
            unless_started.push_async_callback(self._ear.stop)
            # Beside the others, for the first block takes its time; yet stopped before them.
            await asyncio.gather(self._ear.start(), self._start_others(parts))
            parts.push_async_exit(unless_started.pop_all())
        self._start_watchdog(parts)
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, self._on_signal, number)
        self._rereading = Rereading(self._options.load_settings, self._on_reread)
        parts.callback(self._rereading.stop)
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._reload)
        self._engines.start()
        parts.push_async_callback(self._engines.stop_fetching)
        self._publish()
        systemd.notify("READY=1")
        if self._options.listens_at_once:
            self._dictation.start()
        self._options.on_ready()

    async def _start_others(self, parts: contextlib.AsyncExitStack) -> None:
        parts.push_async_callback(self._injector.close)
        await self._injector.start()
        self._stream.start()
        parts.push_async_callback(self._stream.stop)
        parts.push_async_callback(self._retries.stop)
        await self._start_control(parts)

    def _build(self) -> None:
        settings, events, clock = self._settings, self._events, self._clock
        self._workshop = shop = wiring.Workshop(settings, events, clock)
        degradations = Degradations(clock)
        self._engines = Engines(shop, degradations, events, self._publish)
        crew = self._engines.crew
        chain = self._options.chain or settings.inject.chain
        self._injector = DesktopInjector(
            injector_opener(settings), chain, on_change=self._on_injector
        )
        self._stream = shop.stream(
            self._injector,
            max_age_s=settings.inject.max_age_s,
            offers=CLIPBOARD in chain,
        )
        collector = Collector(shop.composer(), shop.inbox.post)
        self._retries = shop.retries(self._stream, crew, self._engines.steward)
        self._recognition = Recognition(self._stream, crew, events, clock, collector, self._retries)
        self._dictation = Dictation(
            self._stream,
            self._recognition,
            collector,
            crew,
            events,
            clock,
            shop.inbox.post,
            lambda: self._ear.microphone,
            shop.stabilizer,
            degradations,
            self._engines.fall_back,
        )
        self._engines.serve(self._recognition)
        self._ear = Ear(settings, events, degradations, self._publish)
        self._report = Report(
            settings,
            self._stream,
            self._recognition,
            self._dictation,
            self._engines,
            clock,
            self._ear,
            lambda: self._injector.name,
        )
        self._bus = BusService(
            Panel(self._dictation, self._engines, self._report, self._on_subscribers)
        )
        self._notifier, self._cues = Notifier(), Cues()
        self._feedback = Feedback(self._notifier, self._cues, settings.feedback)
        for listener in (self._report.on_event, self._feedback.on_event, self._on_event):
            events.tell(listener)
        self._on_subscribers(0)

    async def _start_control(self, parts: contextlib.AsyncExitStack) -> None:
        lock = ScreenLock(self._dictation.lock)
        try:
            await self._bus.start()
        except BusError as error:
            if not self._options.listens_at_once:
                raise
            _log.warning("%s Hotkeys and other commands cannot reach this one.", error.message)
        parts.push_async_callback(self._bus.stop)
        await self._notifier.start()
        parts.push_async_callback(self._notifier.stop)
        parts.push_async_callback(self._cues.stop)
        await lock.start()
        parts.push_async_callback(lock.stop)
        if self._engines.steward:  # without a card there is nothing to give back
            sleep = SleepWatch(self._engines.suspend, self._engines.resume)
            await sleep.start()
            parts.push_async_callback(sleep.stop)

    def _start_watchdog(self, parts: contextlib.AsyncExitStack) -> None:
        interval_s = systemd.watchdog_interval_s() or INTERVAL_S
        watchdog = Watchdog(
            asyncio.get_running_loop(),
            {"speech": self._stream.speech.has_progressed},
            lambda: systemd.notify("WATCHDOG=1"),
            interval_s,
        )
        watchdog.start()
        parts.callback(watchdog.stop)

    # --- what happens ------------------------------------------------------------------------

    def _on_thread_failure(self, failure: threading.ExceptHookArgs) -> None:
        """On the thread that broke off. What it said may hold anything: only its kind is told."""
        name = failure.thread.name if failure.thread else "unknown"
        self._workshop.inbox.post(ThreadFailed(name, failure.exc_type.__name__))

    def _on_signal(self, number: signal.Signals) -> None:
        self._workshop.inbox.post(StopRequested(signal.Signals(number).name))

    def _on_event(self, event: str, fields: dict[str, object]) -> None:
        match event:
            case "commit" if fields["n"]:  # what is captured is its caller's alone
                self._bus.committed(int(str(fields["utterance"])), str(fields["text"]))
            case "partial":
                self._bus.partial(int(str(fields["utterance"])), str(fields["text"]))
                return
            case "fault" if fields["kind"] == "spool":
                self._dictation.degradations.put(NO_SPOOL, str(fields["message"]))
            case "spool":
                self._dictation.degradations.put(NO_SPOOL, "")
            case "fault" if fields["kind"] == "audio-lost":
                self._dictation.degradations.put(LOSING, str(fields["message"]))
            case "loss":
                self._dictation.degradations.put(LOSING, "")
            case "state":
                systemd.status(str(fields["state"]))
                if fields["state"] != "listening":
                    self._ear.finish_change()
            case _:
                pass
        self._publish()

    def _publish(self) -> None:
        self._bus.publish(self._report.status())

    def _on_subscribers(self, with_text: int) -> None:
        self._with_text = with_text
        wish = self._settings.asr.partials
        is_read = with_text > 0 or self._events.has_reader
        self._recognition.show_partials(wanted=wish == "on" or (wish == "auto" and is_read))

    def _on_injector(self) -> None:
        injector, degradations = self._injector, self._dictation.degradations
        only_clipboard = injector.name == CLIPBOARD and bool(injector.why)
        reason = injector.why if only_clipboard else injector.lost
        if reason and not degradations.has(NO_WINDOW):
            self._events.fault("window", f"text cannot be typed: {reason}")
        degradations.put(NO_WINDOW, reason)
        self._publish()

    # --- reload ------------------------------------------------------------------------------

    def _reload(self) -> None:
        systemd.notify("RELOADING=1")
        self._rereading.ask()

    def _on_reread(self, found: Settings | SwictationError) -> None:
        if isinstance(found, SwictationError):
            first, *rest = found.message.splitlines()
            message = " ".join(line.strip() for line in [first, *rest])
            remedy = f" -> {found.remedy}" if found.remedy else ""
            self._events.fault("config", f"the old configuration stays: {message}{remedy}")
        else:
            self._apply(found)
        systemd.notify("READY=1")

    def _apply(self, settings: Settings) -> None:
        """What a dictation begins with is read anew by the next one; the engine at once."""
        old, self._settings = self._settings, settings
        for part in ("spool", "worker", "inject", "vram"):
            if getattr(old, part) != getattr(settings, part):
                _log.warning("[%s] takes effect after a restart: %s", part, restart())
        if wants_card(old) != wants_card(settings):
            # Whole: an engine for a card, had for the processor alone, would be another model.
            _log.warning("[asr] takes effect after a restart: %s", restart())
            self._settings = settings = msgspec.structs.replace(settings, asr=old.asr)
        self._workshop.settings = self._report.settings = settings
        self._stream.delivery.rewrite(self._workshop.composer())
        self._feedback.settings = settings.feedback
        if old.audio != settings.audio:
            self._ear.change(settings, is_listening=self._dictation.state == "listening")
        engine = (old.asr, old.whisper, old.canary)
        if engine != (settings.asr, settings.whisper, settings.canary):
            self._engines.change(settings)
        self._on_subscribers(self._with_text)
        _log.info("the configuration is read again")
