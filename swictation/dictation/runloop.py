"""The run loop: one inbox, the only writer of state. Events in, effects out."""

import asyncio
import logging
from typing import TYPE_CHECKING, Protocol

from swictation.clock import Clock
from swictation.dictation.transcriber import Recognition
from swictation.dispatcher import Dispatcher
from swictation.events import (
    AudioLost,
    CardEvent,
    Composed,
    DetectorFailed,
    DetectorMoved,
    DetectorRecovered,
    DictationHeard,
    Event,
    FrameSkipped,
    HeldSettled,
    Injected,
    OrderDone,
    PointsFound,
    RetryNews,
    RingStrained,
    RouteChanged,
    Scanned,
    SoundGone,
    SourceEnded,
    SpoolFailed,
    SpoolRecovered,
    StateChanged,
    StopRequested,
    TextDoubted,
    TextHeld,
    ThreadFailed,
    VramRead,
    WorkerAnswered,
    WorkerFailed,
    WorkerGone,
    WorkerReady,
)
from swictation.facts import WorkerReplaced

if TYPE_CHECKING:  # only who has a card pays for it
    from swictation.worker.gpu_executor import Steward

STOP_GRACE_S = 2.0
"""For what was said before somebody wanted it to end."""

_log = logging.getLogger(__name__)


class Owner(Protocol):
    """Whose sound it is: a file that is played, or the dictations of a daemon."""

    def is_over(self) -> bool:
        """Whether there is nothing left to do. Asked after each event."""
        ...

    @property
    def is_listening(self) -> bool:
        """Whether sound still comes."""
        ...

    def on_source_ended(self, event: SourceEnded) -> None:
        """The source gives no more."""
        ...

    def on_heard(self) -> None:
        """A dictation is heard to its end."""
        ...

    def on_injected(self, event: Injected) -> None:
        """A piece was delivered, or not. The owner settles the utterance after its last."""
        ...

    def on_held(self, event: TextHeld | TextDoubted | HeldSettled) -> None:
        """The list of held texts has changed, or nobody knows whether a text has arrived."""
        ...

    def on_worker(self, event: WorkerReady | WorkerGone) -> None:
        """A worker came or went; recognition has dealt with it."""
        ...

    def on_detector(self, event: DetectorFailed | DetectorRecovered) -> None:
        """No detector works, so nothing is heard; or one works again."""
        ...

    def on_failure(self, event: ThreadFailed) -> None:
        """A part broke off: a bug."""
        ...

    def on_stop(self, reason: str) -> None:
        """Somebody wants it to end, within STOP_GRACE_S."""
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
        self, inbox: Inbox, events: Dispatcher, clock: Clock, steward: "Steward | None" = None
    ) -> None:
        """`steward`: where an engine on a card is wanted."""
        self._inbox = inbox
        self._events = events
        self._clock = clock
        self._steward = steward
        self.deadline_s: float | None = None
        """When, by the clock, it ends in any case; None while nobody wants it to."""

    async def run(self, recognition: Recognition, owner: Owner) -> bool:
        """Until `owner` is over; False where the deadline came first."""
        self._look(recognition, owner)
        while not owner.is_over():
            timeout_s = None if self.deadline_s is None else self.deadline_s - self._clock.now_s()
            try:
                event = await asyncio.wait_for(self._inbox.next(), timeout_s)
            except TimeoutError:
                return False
            self._handle(event, recognition, owner)
            self._look(recognition, owner)
        return True

    def _look(self, recognition: Recognition, owner: Owner) -> None:
        """Who shares the card's memory has to know what is going on, and who waits for quiet."""
        if recognition.retries:
            recognition.retries.tend()
        if self._steward:
            recognition.tell_activity(self._steward, is_listening=owner.is_listening)

    def _handle(self, event: Event, recognition: Recognition, owner: Owner) -> None:
        if self._steward and isinstance(event, CardEvent) and self._steward.on_event(event):
            return
        match event:
            case PointsFound():
                recognition.on_points(event)
            case Scanned():
                recognition.on_scanned(event)
            case DictationHeard():
                recognition.on_heard(event.end_sample)
                owner.on_heard()
            case DetectorFailed():
                self._events.emit(event)
                recognition.on_deaf(event)
                owner.on_detector(event)
            case DetectorRecovered():
                self._events.emit(event)
                owner.on_detector(event)
            case FrameSkipped() | SpoolFailed() | DetectorMoved():
                self._events.emit(event)
            case AudioLost():
                recognition.on_audio_lost(event)
            case WorkerAnswered():
                recognition.on_answer(event)
            case WorkerReady():
                self._note_ready(event)
                recognition.ask_again()
                owner.on_worker(event)
            case WorkerFailed():
                self._events.emit(event)
                recognition.on_worker_failed(event)
            case WorkerGone():
                self._note_gone(event)
                recognition.on_worker_gone(event)
                owner.on_worker(event)
            case RetryNews():
                if recognition.retries:
                    recognition.retries.on_news(event.event)
            case Composed():
                recognition.on_composed(event)
            case Injected():
                self._events.emit(event)
                recognition.on_injected(event)
                owner.on_injected(event)
            case TextHeld() | TextDoubted() | HeldSettled():
                owner.on_held(event)
            case SourceEnded():
                owner.on_source_ended(event)
            case SpoolRecovered():
                _log.info("all audio that waits for its text is on disk again")
                self._events.emit(event)
            case SoundGone():
                if recognition.retries:
                    recognition.retries.on_sound_gone(event.utterance)
            case RingStrained():
                recognition.on_strain()
            case ThreadFailed():
                self._events.emit(event)
                owner.on_failure(event)
            case StopRequested():
                if self.deadline_s is None:  # asking again is no reason to take longer
                    self.deadline_s = self._clock.now_s() + STOP_GRACE_S
                owner.on_stop(event.reason)
            case RouteChanged():
                recognition.ask_again()
            case OrderDone() | VramRead() | StateChanged():
                pass  # the steward's

    def _note_ready(self, event: WorkerReady) -> None:
        _log.info("worker %d is ready after %.1f s", event.generation, event.load_s)
        self._events.emit(event)

    def _note_gone(self, event: WorkerGone) -> None:
        self._events.emit(event)
        if event.is_fault:
            # An error with its own message is told by the owner, once.
            is_explained = event.error is not None
            self._events.emit(WorkerReplaced(event.generation, event.reason, is_explained))
