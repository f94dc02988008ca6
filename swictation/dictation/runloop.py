"""The run loop: one inbox, the only writer of state. Events in, effects out."""

import asyncio
import logging
from typing import TYPE_CHECKING, Protocol

from swictation import events
from swictation.dictation.context import LoopContext
from swictation.dictation.transcriber import Transcriber
from swictation.errors import SwictationError
from swictation.events import Event
from swictation.facts import WorkerReplaced

if TYPE_CHECKING:  # only GPU users pay for it
    from swictation.worker.gpu_executor import GpuExecutor

STOP_GRACE_S = 2.0
"""For what was said before the request to end."""

_log = logging.getLogger(__name__)

_Passed = (
    events.DetectorFailed
    | events.DetectorMoved
    | events.DetectorRecovered
    | events.FrameSkipped
    | events.Injected
    | events.SpoolFailed
    | events.SpoolRecovered
    | events.ThreadFailed
    | events.WorkerFailed
    | events.WorkerGone
    | events.WorkerReady
)
"""Passed on to listeners as they come."""


class Owner(Protocol):
    """Owns a stream: a file that is played, or the dictations of a daemon."""

    def is_over(self) -> bool:
        """Whether there is nothing left to do. Asked after each event."""
        ...

    @property
    def is_listening(self) -> bool:
        """Whether sound still comes."""
        ...

    def on_source_ended(self, event: events.SourceEnded) -> None:
        """The source delivers nothing more."""
        ...

    def on_heard(self) -> None:
        """A dictation is heard to its end."""
        ...

    def on_injected(self, event: events.Injected) -> None:
        """A piece was delivered, or not. The owner settles the utterance after its last."""
        ...

    def on_held(self, event: events.TextHeld | events.TextDoubted | events.HeldSettled) -> None:
        """The list of held texts has changed, or a text may have arrived or not."""
        ...

    def on_worker(self, event: events.WorkerReady | events.WorkerGone) -> None:
        """A worker is ready or gone; the transcriber has handled that."""
        ...

    def on_detector(self, event: events.DetectorFailed | events.DetectorRecovered) -> None:
        """No detector works, so nothing is heard; or one works again."""
        ...

    def on_stop(self, reason: str) -> None:
        """End, within STOP_GRACE_S."""
        ...


class Inbox:
    """Events from any thread, in order of posting.

    Unbounded, yet small: decision points are a few a second of unsettled audio, which the journal
    bounds; everything else is one event for one thing done.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[Event] = asyncio.Queue()

    def post(self, event: Event) -> None:
        """Add an event. Thread-safe; never waits."""
        self._loop.call_soon_threadsafe(self._queue.put_nowait, event)

    async def next(self) -> Event:
        """Wait for the oldest event."""
        return await self._queue.get()


class RunLoop:
    """Handles one event after the other."""

    def __init__(
        self, context: LoopContext, inbox: Inbox, executor: "GpuExecutor | None" = None
    ) -> None:
        """`executor`: if an engine is configured for a GPU."""
        self._inbox = inbox
        self._events = context.events
        self._clock = context.clock
        self._executor = executor
        self.deadline_s: float | None = None
        """When it ends in any case, by the clock; None until it is asked to end."""

    async def run(self, transcriber: Transcriber, owner: Owner) -> bool:
        """Handle events until `owner` is over; False where the deadline came first.

        Raises:
            SwictationError: `owner` gives up, or a thread failed: a bug.
        """
        self._look(transcriber, owner)
        while not owner.is_over():
            timeout_s = None if self.deadline_s is None else self.deadline_s - self._clock.now_s()
            try:
                event = await asyncio.wait_for(self._inbox.next(), timeout_s)
            except TimeoutError:
                return False
            self._handle(event, transcriber, owner)
            self._look(transcriber, owner)
        return True

    def _look(self, transcriber: Transcriber, owner: Owner) -> None:
        """Let the retries and the GPU executor see what is going on."""
        if transcriber.retries:
            transcriber.retries.tend()
        if self._executor:
            stream, is_listening = transcriber.stream, owner.is_listening
            self._executor.look(
                is_listening=is_listening, is_busy=stream.is_busy, backlog_s=stream.backlog_s
            )

    def _handle(self, event: Event, transcriber: Transcriber, owner: Owner) -> None:
        if self._executor and isinstance(event, events.GpuEvent) and self._executor.on_event(event):
            return
        if isinstance(event, _Passed):
            self._events.emit(event)
        match event:
            case events.PointsFound():
                transcriber.on_points(event)
            case events.AudioProcessed():
                transcriber.on_scanned(event)
            case events.DictationProcessed():
                transcriber.on_heard(event.end_sample)
                owner.on_heard()
            case events.DetectorFailed():
                transcriber.stream.sound.keep_unheard(event.sample)
                owner.on_detector(event)
            case events.DetectorRecovered():
                owner.on_detector(event)
            case events.AudioLost():
                transcriber.losses.add(event.first_sample, event.last_sample)
            case events.WorkerAnswered():
                transcriber.on_answer(event)
            case events.WorkerReady():
                _log.info("worker %d is ready after %.1f s", event.generation, event.load_s)
                transcriber.ask_again()
                owner.on_worker(event)
            case events.WorkerFailed():
                transcriber.on_worker_failed(event)
            case events.WorkerGone():
                self._tell_replaced(event)
                transcriber.on_worker_gone(event)
                owner.on_worker(event)
            case events.RetryNews():
                if transcriber.retries:
                    transcriber.retries.on_news(event.event)
            case events.Composed():
                transcriber.on_composed(event)
            case events.Injected():
                transcriber.on_injected(event)
                owner.on_injected(event)
            case events.TextHeld() | events.TextDoubted() | events.HeldSettled():
                owner.on_held(event)
            case events.SourceEnded():
                owner.on_source_ended(event)
            case events.SpoolRecovered():
                _log.info("all audio that waits for its text is on disk again")
            case events.SoundGone():
                if transcriber.retries:
                    transcriber.retries.on_sound_gone(event.utterance)
            case events.RingStrained():
                transcriber.on_strain()
            case events.ThreadFailed():
                raise SwictationError(
                    f"The thread {event.thread} failed ({event.reason}): this is a bug.",
                    "please report it with the log",
                )
            case events.StopRequested():
                if self.deadline_s is None:  # asking again gives no more time
                    self.deadline_s = self._clock.now_s() + STOP_GRACE_S
                owner.on_stop(event.reason)
            case events.FrameSkipped() | events.SpoolFailed() | events.DetectorMoved():
                pass  # for listeners
            case events.RouteChanged():
                transcriber.ask_again()
            case events.OrderDone() | events.VramRead():
                pass  # for the GPU executor
            case events.StateChanged():
                pass  # the owner is asked again

    def _tell_replaced(self, event: events.WorkerGone) -> None:
        if event.is_fault:
            # An error with its own message is reported by the owner, once.
            is_explained = event.error is not None
            self._events.emit(WorkerReplaced(event.generation, event.reason, is_explained))
