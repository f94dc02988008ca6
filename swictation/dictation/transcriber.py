"""Turns decision points into text, whatever happens to the workers. Part of the run loop."""

import logging

from swictation.asr.alignment import has_words
from swictation.asr.partials import WINDOW_SAMPLES
from swictation.asr.stabilizer import Step
from swictation.dictation.capture_sink import CAPTURED, CaptureSink
from swictation.dictation.context import LoopContext
from swictation.dictation.latency import Latency
from swictation.dictation.losses import Losses
from swictation.dictation.retries import Retries
from swictation.dictation.stream import Stream, Utterance
from swictation.events import (
    AudioProcessed,
    Composed,
    Injected,
    PointsFound,
    WorkerAnswered,
    WorkerFailed,
    WorkerGone,
)
from swictation.facts import (
    PartialTranscript,
    TextCommitted,
    UtteranceQuarantined,
    UtteranceTranscribed,
    WorkerRecycled,
)
from swictation.text.characters import cleaned
from swictation.types import (
    DEATHS_UNTIL_QUARANTINE,
    Commit,
    DecodeRequest,
    Placement,
    Point,
    SpeechEnded,
    SpeechStarted,
    to_seconds,
)
from swictation.worker.pool import WorkerPool

_REFUSALS_UNTIL_QUARANTINE = 9
"""Three rounds of the breaker, with pauses of 5, 10 and 20 s between (docs/vram.md)."""
_REPORT_S = {"close": 0.1, "else": 1.0}

_log = logging.getLogger(__name__)


class Transcriber:
    """Has the workers of a pool decode one stream; used on the run loop."""

    def __init__(
        self,
        context: LoopContext,
        stream: Stream,
        pool: WorkerPool,
        sink: CaptureSink | None = None,
        retries: Retries | None = None,
    ) -> None:
        """`sink` takes the commits of what is captured instead of typed.

        `retries` tries quarantined utterances again; without it they are only reported.
        """
        self.retries = retries
        self._stream = stream
        self._sink = sink
        self._pool = pool
        self._events = context.events
        self._clock = context.clock
        self._answered_s = 0.0
        self._wants_partials = False
        self._arrivals: dict[int, float] = {}
        """When the points that are not committed yet came, by their sample."""
        self._ignored_dictations = 0
        self._refused = self._refusals = 0
        self.latency = Latency()
        self.losses = Losses(stream, context.events)

    @property
    def stream(self) -> Stream:
        """The stream that it transcribes."""
        return self._stream

    def show_partials(self, *, wanted: bool) -> None:
        """Produce tentative text, or stop: whether anybody reads it."""
        self._wants_partials = wanted
        self._set_pace()

    def _set_pace(self) -> None:
        """Set how often the speech thread reports how far it has heard."""
        is_close = self._wants_partials or self._pool.chunking is not None
        self._stream.speech.report_every(_REPORT_S["close" if is_close else "else"])

    # --- what the speech thread says ---------------------------------------------------------

    def on_points(self, event: PointsFound) -> None:
        """Speech began, paused, ended."""
        if self._ignored_dictations:
            return
        for point in event.points:
            self._arrivals[point.at_sample] = event.posted_s
            self._take_note(point)
        steps = self._stream.stabilizer.points(event.points, self._pool.chunking)
        self._perform(steps, event.posted_s)

    def on_scanned(self, event: AudioProcessed) -> None:
        """Everything up to a sample is heard."""
        self._stream.settle_silence(event.sample)
        self._stream.sound.forget_unheard(event.sample)
        self._look_for_end_of_loss()
        if not self._ignored_dictations:
            self._perform(self._stream.stabilizer.heard(event.sample), self._clock.now_s())
        self._consider_partial(event)

    def on_heard(self, end_sample: int) -> None:
        """A dictation is heard to its end."""
        self._stream.end_dictation(end_sample)
        self._ignored_dictations = max(0, self._ignored_dictations - 1)
        self._stream.settle_silence(self._stream.speech.heard_sample)
        self._stream.sound.forget_unheard(end_sample)

    def on_strain(self) -> None:
        """RAM will not hold all much longer: keep unheard sound on disk, too."""
        heard = self._stream.speech.heard_sample
        if not self._stream.journal.is_recent(heard):
            self._stream.sound.keep_unheard(heard)
        self.losses.look()

    def _look_for_end_of_loss(self) -> None:
        if self.losses.is_losing:
            self.losses.look()

    def drop(self) -> None:
        """Forget all that is not typed, including sound that is not heard yet."""
        self._ignored_dictations = len(self._stream.unheard)
        self._stream.forget_decoding()
        self._stream.delivery.drop()
        self._arrivals.clear()
        for number in list(self._stream.utterances):
            self.latency.settled(number)
            self._stream.settle(number, keeps_sound=False)
        self._look_for_end_of_loss()
        if self.retries:
            self.retries.drop()

    # --- what the worker says ----------------------------------------------------------------

    def on_answer(self, event: WorkerAnswered) -> None:
        """A worker has answered a request."""
        stream, hypothesis = self._stream, event.hypothesis
        if self._is_partial(event) or (self.retries and self.retries.on_answer(event)):
            return
        if self.retries:
            self.retries.served(event.placement)
        self._answered_s = event.done_s
        pending = stream.stabilizer.pending
        if pending and pending.number == event.number:
            stream.blame.clear(pending.utterance)
            stream.utterances[pending.utterance].answered_by(self._pool.at(event.placement))
        if hypothesis.dropped:
            _log.info("an utterance was taken for %s and dropped", hypothesis.dropped)
        self._perform(stream.stabilizer.answer(event.number, hypothesis), event.done_s)
        self._look_for_end_of_loss()
        if stream.stabilizer.is_idle and self._pool.cpu.is_bloated:
            self._recycle()

    def ask_again(self) -> None:
        """Send the pending request, unchanged, if no worker has it: one may be there now."""
        pending = self._stream.stabilizer.pending
        if pending is None or self._pool.is_asked(pending.number):
            return
        deaths_on_gpu = self._stream.blame.count(pending.utterance, "gpu")
        if deaths_on_gpu >= DEATHS_UNTIL_QUARANTINE and not self._pool.has_standby:
            self._quarantine(pending.utterance, self._stream.blame.placements(pending.utterance))
        else:
            self._ask(pending)

    def on_worker_gone(self, event: WorkerGone) -> None:
        """Quarantine the pending utterance if workers have died of it twice.

        If another engine can be asked, that is asked instead.
        """
        stream = self._stream
        stream.partials.worker_died()
        if self.retries:
            self.retries.on_gone(event)
        pending = stream.stabilizer.pending
        if event.is_fault and pending and event.utterance == pending.utterance:
            placements: set[Placement] = {
                *stream.blame.placements(pending.utterance),
                event.placement,
            }
            is_poison = stream.blame.add(pending.utterance, event.placement)
            if is_poison and not (event.placement == "gpu" and self._pool.has_standby):
                self._pool.at(event.placement).forgive()
                why = f"the engine died on it twice ({event.reason})"
                self._quarantine(pending.utterance, placements, why)
        self.ask_again()

    def on_worker_failed(self, event: WorkerFailed) -> None:
        """The GPU was short of memory, in halves as well: ask elsewhere, or there once more.

        With no other engine it is quarantined in the end: it would hold up all that follows.
        """
        if self.retries and self.retries.on_failed(event):
            return
        pending = self._stream.stabilizer.pending
        if pending and pending.number == event.number and not self._pool.has_standby:
            self._refusals = self._refusals + 1 if self._refused == event.number else 1
            self._refused = event.number
            if self._refusals >= _REFUSALS_UNTIL_QUARANTINE:
                self._quarantine(pending.utterance, {"gpu"}, "the GPU had no room for it")
        self.ask_again()

    # --- what the delivery says --------------------------------------------------------------

    def on_composed(self, event: Composed) -> None:
        """Report a commit that is text now."""
        commit = event.commit
        utterance = self._stream.utterances.get(commit.utterance)
        if utterance is None:
            return
        utterance.text += event.text
        now_s = self._clock.now_s()
        if event.text:
            if has_words(event.text):  # a full stop may wait for the hang-over
                self.latency.committed(commit.utterance, now_s)
            at_s, overhead_ms = to_seconds(commit.at_sample), 1000.0 * (now_s - event.due_s)
            self._events.emit(
                TextCommitted(commit.utterance, event.number, event.text, at_s, overhead_ms)
            )
        if commit.final:
            self._note_final(commit, utterance)

    def on_injected(self, event: Injected) -> None:
        """Report an utterance's outcome after its last piece was delivered, or not."""
        utterance = self._stream.utterances.get(event.utterance)
        if utterance is None or not event.is_last or event.outcome == CAPTURED:
            return
        if utterance.text.strip():
            delivered = utterance.delivered(
                event.utterance,
                utterance.text,
                event.outcome,
                event.target,
                utterance.latency_s,
            )
            self._events.emit(delivered)

    # --- the parts ---------------------------------------------------------------------------

    def _take_note(self, point: Point) -> None:
        match point:
            case SpeechStarted():
                self._set_pace()
                self._stream.begin_utterance(point)
                self._events.emit(point)
            case SpeechEnded():
                self._stream.end_utterance(point)
                self.latency.ended(point, self._arrivals[point.at_sample])
                self._events.emit(point)
            case _:
                pass

    def _perform(self, steps: list[Step], due_s: float) -> None:
        """Carry out what the commit rule asks for, which could be known at `due_s`."""
        for step in steps:
            if isinstance(step, Commit):
                self._commit(step, max(due_s, self._answered_s))
            else:
                self._ask(step)

    def _commit(self, commit: Commit, due_s: float) -> None:
        heard_s = self._arrivals.get(commit.at_sample, due_s)
        for sample in [sample for sample in self._arrivals if sample <= commit.at_sample]:
            del self._arrivals[sample]
        capture = self._stream.utterances[commit.utterance].capture
        if self._sink and capture:
            self._sink.put(commit, capture, due_s)
        else:
            self._stream.delivery.put(commit, heard_s, due_s)

    def _note_final(self, commit: Commit, utterance: Utterance) -> None:
        utterance.latency_s = self.latency.settled(commit.utterance)
        start_s, end_s = to_seconds(utterance.first_sample), to_seconds(utterance.last_sample)
        text = utterance.text.strip()
        self._events.emit(UtteranceTranscribed(commit.utterance, start_s, end_s, text))

    def _ask(self, request: DecodeRequest) -> None:
        """Send the request to the worker in charge; without one, `ask_again` sends it later."""
        deaths_on_gpu = self._stream.blame.count(request.utterance, "gpu")
        route = self._pool.route(request, deaths_on_gpu=deaths_on_gpu)
        if route.placement is None or not self._pool.at(route.placement).is_ready:
            return
        stabilizer = self._stream.stabilizer
        is_outrun = stabilizer.is_outrun(request)
        if (request.goes_on or is_outrun) and not self._pool.streams(route.placement):
            if request.goes_on:
                self._perform(stabilizer.pass_over(request.number), self._clock.now_s())
                return
            request = stabilizer.unstreamed(request)
        is_at_an_edge = not request.forced_text and not request.partial
        if is_at_an_edge and route.placement == "cpu" and self._pool.cpu.is_bloated:
            self._recycle()
            return
        samples = self.losses.read(request.first_sample, request.last_sample)
        if samples is None:
            self._perform(self._stream.stabilizer.give_up(), self._clock.now_s())
            return
        self._pool.send(request, samples, route)

    def _consider_partial(self, event: AudioProcessed) -> None:
        partials = self._stream.partials
        now_s = self._clock.now_s()
        if not (self._wants_partials and self._pool.does_partials):
            return
        if not partials.may_ask(event.probability, now_s):
            return
        first_sample = event.sample - WINDOW_SAMPLES
        request = self._stream.stabilizer.partial(first_sample, event.sample)
        if request and partials.asked(request, now_s):
            self._ask(request)

    def _is_partial(self, event: WorkerAnswered) -> bool:
        """Emit the answer if it is tentative text; return whether it is."""
        partials, hypothesis = self._stream.partials, event.hypothesis
        now_s = self._clock.now_s()
        partial = partials.answered(event.number, hypothesis.cpu_s, now_s)
        if partial is None:
            return False
        if partial.utterance in self._stream.utterances:  # else it was cancelled meanwhile
            text, at_s = cleaned(hypothesis.new_text).strip(), to_seconds(partial.last_sample)
            self._events.emit(PartialTranscript(partial.utterance, text, at_s, hypothesis.cpu_s))
        return True

    def _recycle(self) -> None:
        rss_mib = round(self._pool.cpu.rss_mib)
        _log.info("the worker has grown to %d MiB and is replaced", rss_mib)
        self._events.emit(WorkerRecycled(rss_mib))
        self._pool.cpu.recycle("recycled: it had outgrown [worker] max_rss_mib")

    def _quarantine(
        self, number: int, placements: set[Placement], why: str = "the engine died on it twice"
    ) -> None:
        """Go on without it: report it, keep its sound, and have it retried if there are retries."""
        stream, retries = self._stream, self.retries
        utterance = stream.utterances[number]
        utterance.is_quarantined = True
        stream.aside.add(number)
        utterance.kept_at = stream.sound.keep(number)
        if stream.spool:
            stream.spool.note(number, "set-aside", is_tried_again=retries is not None)
        if retries:
            retries.add(number, stream.stabilizer.committed, placements)
        self._events.emit(UtteranceQuarantined(number, utterance.kept_at, why))
        self._perform(stream.stabilizer.give_up(), self._clock.now_s())
