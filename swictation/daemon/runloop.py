"""The run loop: one inbox, the only writer of state. Events in, effects out."""

import asyncio
import logging

from swictation.asr.partials import WINDOW_SAMPLES
from swictation.asr.stabilizer import Step
from swictation.clock import Clock
from swictation.daemon import resources
from swictation.daemon.eventlog import EventLog
from swictation.daemon.inbox import Inbox
from swictation.daemon.stream import Outcome, Segment, SetAside, Stream
from swictation.errors import AudioLostError, Interrupted, SwictationError
from swictation.events import (
    AudioLost,
    Event,
    Injected,
    PointFound,
    Scanned,
    SourceEnded,
    SpoolFailed,
    StopRequested,
    StreamEnded,
    ThreadFailed,
    WorkerAnswered,
    WorkerGone,
    WorkerReady,
)
from swictation.types import (
    Commit,
    DecodeRequest,
    SpeechEnded,
    SpeechStarted,
    to_seconds,
)
from swictation.worker.restarts import blamed, cleared
from swictation.worker.supervisor import Supervisor, gave_up

_STOP_GRACE_S = 2.0

_log = logging.getLogger(__name__)


class RunLoop:
    """Plays one stream after the other through one worker."""

    def __init__(
        self, inbox: Inbox, supervisor: Supervisor, events: EventLog, clock: Clock
    ) -> None:
        self._inbox = inbox
        self._supervisor = supervisor
        self._events = events
        self._clock = clock
        self._stream: Stream
        self._give_up: SwictationError | None = None
        self._stop_at_s: float | None = None
        self._can_do_partials = False
        self.device = ""
        """Where the engine computes, once that is known."""

    async def play(self, stream: Stream) -> Outcome:
        """Run `stream` to its end and say what became of it.

        Raises:
            SwictationError: no worker can be kept alive; what was not decoded stays in the spool.
        """
        self._stream = stream
        self._events.write("state", 0.0, state="listening")
        stream.start()
        try:
            while not self._is_over(stream):
                await self._handle_next()
            if stream.outcome.text or not stream.outcome.error:
                await stream.injector.flush()
        finally:
            await stream.stop()
            stream.outcome.duration_s = to_seconds(stream.journal.end_sample)
            usage = resources.snapshot(self._supervisor.pid)
            self._events.write("state", stream.outcome.duration_s, state="stopped", **usage)
        return stream.outcome

    def _is_over(self, stream: Stream) -> bool:
        """Whether its text has arrived.

        Sound is also waited for an engine: whether that works must not depend on what was said.
        """
        outcome = stream.outcome
        needs_no_engine = outcome.error or outcome.undelivered or outcome.is_interrupted
        return stream.is_done and bool(self.device or needs_no_engine)

    async def _handle_next(self) -> None:
        remaining_s = None if self._stop_at_s is None else self._stop_at_s - self._clock.now_s()
        try:
            event = await asyncio.wait_for(self._inbox.next(), remaining_s)
        except TimeoutError:
            self._abandon()
            return
        self._handle(event)
        if self._give_up:
            raise self._give_up

    def _handle(self, event: Event) -> None:
        match event:
            case PointFound():
                self._on_point(event)
            case Scanned():
                self._stream.settle_silence(event.sample)
                self._consider_partial(event)
            case WorkerAnswered():
                self._on_answer(event)
            case WorkerReady():
                self._on_worker_ready(event)
            case WorkerGone():
                self._on_worker_gone(event)
            case Injected():
                self._on_injected(event)
            case SourceEnded():
                self._stream.outcome.error = event.error
            case StreamEnded():
                self._stream.has_ended = True
            case AudioLost():
                self._on_audio_lost(event.first_sample, event.last_sample)
            case SpoolFailed():
                self._fault("spool", f"audio is kept in memory only: {event.reason}")
            case ThreadFailed():
                self._fault("thread", f"{event.thread} broke off: {event.reason}")
                self._give_up = SwictationError(
                    f"The part {event.thread} broke off ({event.reason}): this is a bug.",
                    "please report it with the log",
                )
            case StopRequested():
                self._on_stop()

    def _on_point(self, event: PointFound) -> None:
        point = event.point
        match point:
            case SpeechStarted():
                self._stream.begin_utterance(point)
                self._note("speech_started", point.first_sample, utterance=point.utterance)
            case SpeechEnded():
                self._stream.end_utterance(point)
                number, reason = point.utterance, point.reason
                self._note("speech_ended", point.last_sample, utterance=number, reason=reason)
            case _:
                pass
        self._perform(self._stream.stabilizer.point(point), event.posted_s)

    def _perform(self, steps: list[Step], due_s: float) -> None:
        """Carry out what the commit rule asks for, which could be known at `due_s`."""
        for step in steps:
            if isinstance(step, Commit):
                self._commit(step, max(due_s, self._stream.answered_s))
            elif self._supervisor.is_ready:
                self._ask(step)
            # else: the next worker is asked when it is ready

    def _commit(self, commit: Commit, due_s: float) -> None:
        stream = self._stream
        utterance = stream.utterances[commit.utterance]
        text = stream.composer.append(commit)
        utterance.text += text
        number = stream.delivery.put(commit.utterance, text, is_last=commit.final)
        if text:
            self._note(
                "commit",
                commit.at_sample,
                utterance=commit.utterance,
                n=number,
                text=text,
                overhead_ms=round(1000.0 * (self._clock.now_s() - due_s), 2),
            )
        if commit.final:
            self._note(
                "final",
                utterance.last_sample,
                utterance=commit.utterance,
                start_s=round(to_seconds(utterance.first_sample), 3),
                end_s=round(to_seconds(utterance.last_sample), 3),
                text=utterance.text.strip(),
            )

    def _ask(self, request: DecodeRequest) -> None:
        if not request.forced_text and not request.partial and self._supervisor.is_bloated:
            self._recycle()
            return
        try:
            samples = self._stream.journal.read(request.first_sample, request.last_sample)
        except AudioLostError:
            self._on_audio_lost(request.first_sample, request.last_sample)
            self._perform(self._stream.stabilizer.give_up(), self._clock.now_s())
            return
        self._supervisor.send(request, samples)

    def _consider_partial(self, event: Scanned) -> None:
        partials = self._stream.partials
        now_s = self._clock.now_s()
        if not partials or not self._can_do_partials or not self._supervisor.is_ready:
            return
        if not partials.may_ask(event.probability, now_s):
            return
        first_sample = event.sample - WINDOW_SAMPLES
        request = self._stream.stabilizer.partial(first_sample, event.sample)
        if request and partials.asked(request, now_s):
            self._ask(request)

    def _on_answer(self, event: WorkerAnswered) -> None:
        stream, hypothesis = self._stream, event.hypothesis
        if self._is_partial(event):
            return
        stream.answered_s = event.done_s
        pending = stream.stabilizer.pending
        if pending and pending.number == event.number:
            stream.blame = cleared(stream.blame, pending.utterance)
        if hypothesis.dropped:
            _log.info("an utterance was taken for %s and dropped", hypothesis.dropped)
        self._perform(stream.stabilizer.answer(event.number, hypothesis), event.done_s)
        if stream.stabilizer.is_idle and self._supervisor.is_bloated:
            self._recycle()

    def _is_partial(self, event: WorkerAnswered) -> bool:
        """Show tentative text, if that is what was answered."""
        partials, hypothesis = self._stream.partials, event.hypothesis
        now_s = self._clock.now_s()
        partial = partials.answered(event.number, hypothesis.cpu_s, now_s) if partials else None
        if partial is None:
            return False
        self._note(
            "partial",
            partial.last_sample,
            utterance=partial.utterance,
            text=hypothesis.new_text.strip(),
            cpu_s=round(hypothesis.cpu_s, 4),
        )
        return True

    def _recycle(self) -> None:
        rss_mib = round(self._supervisor.rss_mib)
        _log.info("the worker has grown to %d MiB and is replaced", rss_mib)
        self._events.write("worker", state="recycled", rss_mib=rss_mib)
        self._supervisor.recycle("recycled: it had outgrown [worker] max_rss_mib")

    def _on_worker_ready(self, event: WorkerReady) -> None:
        self.device = event.capabilities.device
        _log.info("worker %d is ready after %.1f s", event.generation, event.load_s)
        self._can_do_partials = event.capabilities.partials
        self._events.write(
            "worker",
            state="ready",
            generation=event.generation,
            pid=event.pid,
            device=event.capabilities.device,
            load_s=round(event.load_s, 3),
        )
        is_still_there = event.generation == self._supervisor.generation
        if is_still_there and self._supervisor.is_ready and self._stream.stabilizer.pending:
            self._ask(self._stream.stabilizer.pending)

    def _on_worker_gone(self, event: WorkerGone) -> None:
        stream = self._stream
        if stream.partials:
            stream.partials.worker_died()
        self._events.write("worker", state="gone", generation=event.generation)
        if not event.is_fault:
            return
        # An error with its own message ends the run and is told then, once.
        level = logging.INFO if event.error else logging.WARNING
        self._fault(
            "worker",
            f"the speech engine is replaced (worker {event.generation}: {event.reason})",
            level,
        )
        pending = stream.stabilizer.pending
        if pending and event.utterance == pending.utterance:
            stream.blame, verdict = blamed(stream.blame, pending.utterance)
            if verdict == "set-aside":
                self._set_aside(pending.utterance)
        if event.error or self._supervisor.restarts.is_hopeless:
            self._give_up = gave_up(event.reason, event.error)

    def _set_aside(self, number: int) -> None:
        stream = self._stream
        utterance = stream.utterances[number]
        utterance.is_set_aside = True
        path = stream.spool.set_aside(number) if stream.spool else None
        utterance.kept_at = str(path or "")
        message = "the engine died on it twice: its sound is set aside"
        self._fault("set-aside", message, utterance=number)
        self._supervisor.excuse()
        self._perform(stream.stabilizer.give_up(), self._clock.now_s())

    def _on_injected(self, event: Injected) -> None:
        stream = self._stream
        if event.outcome == "refused":
            stream.outcome.undelivered = event.reason
            stream.capture.request_stop()
        self._events.write(
            "injected",
            utterance=event.utterance,
            n=event.number,
            outcome=event.outcome,
            reason=event.reason,
        )
        if event.is_last:
            self._settle(event.utterance)

    def _settle(self, number: int) -> None:
        outcome = self._stream.outcome
        utterance = self._stream.settle(number)
        end_sample = min(utterance.last_sample, self._stream.journal.end_sample)
        start_s, end_s = to_seconds(utterance.first_sample), to_seconds(end_sample)
        _log.info("speech at %.1f-%.1f s: %d characters", start_s, end_s, len(utterance.text))
        if utterance.is_set_aside:
            outcome.set_aside.append(SetAside(start_s, end_s, utterance.kept_at))
        if text := utterance.text.strip():
            outcome.segments.append(Segment(round(start_s, 3), round(end_s, 3), text))
        outcome.text += utterance.text

    def _on_audio_lost(self, first_sample: int, last_sample: int) -> None:
        self._stream.outcome.lost_samples += last_sample - first_sample
        span = f"{to_seconds(first_sample):.1f}-{to_seconds(last_sample):.1f} s"
        self._fault("audio-lost", f"the sound at {span} is no longer kept")

    def _on_stop(self) -> None:
        self._stream.outcome.is_interrupted = True
        if self._stop_at_s is None:  # asking again is no reason to take longer
            self._stop_at_s = self._clock.now_s() + _STOP_GRACE_S
        self._stream.capture.request_stop()

    def _abandon(self) -> None:
        """The grace is over: what is not decoded stays in the spool."""
        count = len(self._stream.utterances)
        self._fault("stopped", f"{count} utterances are not transcribed; their sound is kept")
        raise Interrupted(
            f"Stopped with {count} utterance(s) not transcribed; the sound is kept.",
            "where it is: swictation doctor",
        )

    def _fault(
        self, kind: str, message: str, level: int = logging.WARNING, **fields: object
    ) -> None:
        _log.log(level, "%s", message)
        self._events.write("fault", kind=kind, message=message, **fields)

    def _note(self, event: str, sample: int, **fields: object) -> None:
        self._events.write(event, to_seconds(sample), **fields)
