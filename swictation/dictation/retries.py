"""Retries sound on which the engine died twice: at first unasked, then at the user's request.

It has a worker of its own, started for one try at the lowest priority. So dictation never waits
for it, and a crash takes nothing else along. Its text is offered (held), never typed unasked:
other words stand in the window by now.
"""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Literal

import msgspec

from swictation.asr.alignment import has_words
from swictation.audio.journal import Span
from swictation.backoff import Backoff
from swictation.control.status import QuarantineStatus
from swictation.dictation.context import LoopContext
from swictation.dictation.losses import without
from swictation.dictation.quarantine import QuarantinedUtterance, still_quarantined
from swictation.dictation.stream import Stream
from swictation.errors import AudioLostError, SwictationError
from swictation.events import (
    AudioLost,
    Event,
    RetryNews,
    WorkerAnswered,
    WorkerFailed,
    WorkerGone,
    WorkerReady,
)
from swictation.facts import RetryStateChanged
from swictation.text.pipeline import TextPipeline, as_text
from swictation.types import Commit, DecodeRequest, Hypothesis, Placement, to_seconds
from swictation.worker.pool import WorkerPool
from swictation.worker.supervisor import Supervisor

LATE = "it comes late, because the engine had died on it"
_STARTS = 3
"""In one try, of a worker that dies before it can be asked."""
_MOST = 500
"""So many are retried and shown; older ones stay on disk, where `doctor` finds them."""
_LOOK_AGAIN_S = 5.0
_LONGEST_PAUSE_S = 300.0
"""Between tries for which there was no worker; the first pause is as above."""
_QUIET_S = 10.0
"""After so long without speech a serving worker may be asked, though a microphone is open."""
_PATIENCE = 6.0
"""It may take so much longer: nobody waits for it, and it gets the least CPU time."""

_log = logging.getLogger(__name__)


class _Try(msgspec.Struct):
    """The try under way."""

    aside: QuarantinedUtterance
    request: DecodeRequest
    worker: Supervisor
    starts: int = 0


class Retries:
    """Retries the quarantined utterances of one stream; used on the run loop."""

    def __init__(
        self,
        context: LoopContext,
        stream: Stream,
        pool: WorkerPool,
        text_pipeline: Callable[[], TextPipeline],
    ) -> None:
        """`text_pipeline`: makes new text stages, for each text that is offered."""
        self._stream = stream
        self._pool = pool
        self._events = context.events
        self._post = context.post
        self._numbers = context.numbers
        self._text_pipeline = text_pipeline
        self._own = pool.background_worker(self._tell, _PATIENCE)
        self._asides: dict[int, QuarantinedUtterance] = {}
        self._try: _Try | None = None
        self._is_gpu_well = False
        """Whether the engine on the GPU has served since it last died of such a sound."""
        self._now_s = asyncio.get_running_loop().time
        self._backoff = Backoff(_LOOK_AGAIN_S, _LONGEST_PAUSE_S)
        self._spoken_s = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._waiting: asyncio.Future[SwictationError | None] | None = None
        """Set once all requested retries are over: to the error that ended them, if any."""

    @property
    def asides(self) -> tuple[QuarantineStatus, ...]:
        """The quarantined utterances, as in `status`."""
        return tuple(
            QuarantineStatus(one.path, round(one.seconds, 1), self._state(one))
            for one in self._asides.values()
        )

    def add(self, number: int, typed: str, placements: set[Placement]) -> None:
        """Take a quarantined utterance; `typed` of it is text, the engine died on `placements`."""
        if len(self._asides) >= _MOST:
            self._leave(next(iter(self._asides)))
        stream = self._stream
        where = partial(stream.sound.keep, number)
        self._asides[number] = QuarantinedUtterance(
            number, stream.utterances[number], typed, placements, where
        )
        if "gpu" in placements:
            self._is_gpu_well = False

    def served(self, placement: Placement) -> None:
        """Note that the engine there has answered a request of a dictation."""
        self._is_gpu_well = self._is_gpu_well or placement == "gpu"
        for one in self._asides.values():
            one.is_served = True

    def tend(self) -> None:
        """Begin a try that is due if that keeps nobody waiting. Called after each event."""
        if not self._asides:
            return
        if self._stream.is_busy or self._stream.utterances:
            self._spoken_s = self._now_s()
        if self._try:
            return
        self._forget_gone()
        self._leave_lost()
        due = [one for one in self._asides.values() if one.is_due and self._may_try(one)]
        for one in due:
            if not one.is_wished and not self._backoff.is_over(self._now_s()):
                continue
            if worker := self._worker_for(one):
                self._begin(one, worker)
                return
            one.is_wished = False  # no worker can be asked now
        self._fulfil()
        if due and self._timer is None:  # memory or the GPU may have room a moment later
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(_LOOK_AGAIN_S, self._look_again)

    async def wish(self) -> int:
        """Retry all of them at the user's request; return how many texts came and are held.

        Raises:
            SwictationError: nothing is quarantined, or the engine died on some of it again.
        """
        wished = list(self._asides.values())
        if not wished:
            raise SwictationError("Nothing is set aside.")
        for one in wished:
            one.is_wished = True
        waiting = self._waiting = self._waiting or asyncio.get_running_loop().create_future()
        self.tend()
        if error := await asyncio.shield(waiting):  # others may wait when this caller leaves
            raise error
        if left := [one for one in wished if not one.is_settled]:
            raise still_quarantined(left)
        return sum(one.state == "offered" for one in wished)

    def drop(self) -> None:
        """Forget all of them: the user cancelled."""
        for one in list(self._asides.values()):
            self._forget(one, "cancelled")

    async def stop(self) -> None:
        """End; quarantined sound stays on disk."""
        self._asides.clear()
        if self._timer:
            self._timer.cancel()
        self._fulfil(SwictationError("The daemon is stopping; what is set aside is kept."))
        await self._own.stop()

    # --- what workers say --------------------------------------------------------------------

    def on_news(self, event: WorkerReady | WorkerAnswered | WorkerFailed | WorkerGone) -> None:
        """Handle an event of its own worker."""
        match event:
            case WorkerReady():  # or it is gone again: the next event
                if self._try and self._try.worker is self._own and self._own.is_ready:
                    self._send(self._try)
            case WorkerAnswered():
                self.on_answer(event)
            case WorkerFailed():
                self.on_failed(event)
            case WorkerGone():
                self._on_gone(event, self._own)

    def on_answer(self, event: WorkerAnswered) -> bool:
        """Use the answer if it is one to the try; return whether it is."""
        if self._try is None or self._try.request.number != event.number:
            return False
        self._try.aside.utterance.answered_by(self._try.worker)
        self._bring(self._try.aside, event.hypothesis)
        return True

    def on_failed(self, event: WorkerFailed) -> bool:
        """Postpone the try if the GPU had no room for it; return whether that is so."""
        if self._try is None or self._try.request.number != event.number:
            return False
        self._is_gpu_well = False  # until it has served again
        self._postpone(self._try.aside)
        return True

    def on_sound_gone(self, number: int) -> None:
        """Its sound is no longer on disk; a try under way has the sound already."""
        if one := self._asides.get(number):
            one.is_gone = True

    def on_gone(self, event: WorkerGone) -> None:
        """One of the serving workers has ended."""
        if self._try and self._try.worker is not self._own:
            self._on_gone(event, self._pool.at(event.placement))

    # --- the parts ---------------------------------------------------------------------------

    def _may_try(self, one: QuarantinedUtterance) -> bool:
        """Whether it is whole and nobody dictates, or the user asked for it."""
        stream = self._stream
        is_whole = one.number not in stream.utterances
        return is_whole and (one.is_wished or not (stream.is_busy or stream.utterances))

    def _worker_for(self, one: QuarantinedUtterance) -> Supervisor | None:
        """The other engine; else its own worker; else, while nobody speaks, a serving one."""
        pool, is_quiet = self._pool, self._is_quiet()
        may_gpu = self._is_gpu_well or one.is_wished
        gpu = pool.gpu if may_gpu and pool.way_to_gpu(one.seconds) else None
        is_other = gpu is not None and "gpu" not in one.placements
        if gpu and (is_other or not pool.cpu.ready_spec) and (is_quiet or not one.is_wished):
            return gpu if is_quiet else None
        if not pool.cpu.ready_spec:
            return None
        if one.is_wished or self._pool.has_room:
            return self._own
        return pool.cpu if is_quiet and pool.cpu.is_ready else None

    def _is_quiet(self) -> bool:
        """Whether nobody will miss a serving worker for the time of a decode."""
        return self._stream.is_done or self._now_s() - self._spoken_s >= _QUIET_S

    def _begin(self, one: QuarantinedUtterance, worker: Supervisor) -> None:
        utterance = one.utterance
        # No dictated utterance has this number: see `Supervisor`'s blame.
        request = DecodeRequest(
            number=next(self._numbers),
            utterance=-2 - one.number,
            first_sample=utterance.first_sample,
            last_sample=utterance.last_sample,
            forced_text=one.typed,
        )
        self._try = _Try(one, request, worker)
        self._note(one, "begun")
        if worker is self._own:
            self._start_own(self._try)
        else:
            self._send(self._try)

    def _start_own(self, tried: _Try) -> None:
        spec = self._pool.cpu.ready_spec
        assert spec is not None, "else it was not chosen"
        tried.starts += 1
        self._own.start(spec, once=True)

    def _send(self, tried: _Try) -> None:
        request = tried.request
        tried.aside.placements.add(tried.worker.placement)
        try:
            samples = self._stream.journal.read(request.first_sample, request.last_sample)
        except AudioLostError:
            lost = (request.first_sample, request.last_sample)
            for gap in without(lost, self._span(tried.aside.number)):
                self._post(AudioLost(*gap))
            self._leave(tried.aside.number)
            self._end_try("its sound cannot be read")
            return
        is_on_gpu = tried.worker is self._pool.gpu
        route = self._pool.way_to_gpu(request.duration_s) if is_on_gpu else None
        self._backoff.succeeded()
        tried.worker.send(request, samples, route.piece_samples if route else 0)

    def _on_gone(self, event: WorkerGone, worker: Supervisor) -> None:
        """The asked worker died of it, or ended before; then another is asked instead."""
        tried = self._try
        if tried is None or tried.worker is not worker:
            return
        if event.is_fault and event.utterance == tried.request.utterance:
            self._is_gpu_well = self._is_gpu_well and event.placement != "gpu"
            self._fail(tried.aside)
        elif worker is not self._own:
            self._try = None  # it was taken from the GPU, or died of something else
        elif event.is_fault and tried.starts < _STARTS and not event.error:
            self._start_own(tried)
        elif event.is_fault:
            self._postpone(tried.aside)

    def _bring(self, one: QuarantinedUtterance, hypothesis: Hypothesis) -> None:
        """Offer the text; if it has no words, nothing was missed."""
        pipeline = self._text_pipeline()
        pipeline.follow(one.utterance.text)
        text = as_text(pipeline.feed(Commit(one.number, hypothesis.new_text, final=True)))
        if not has_words(text):
            self._forget(one, "empty")
            return
        if self._stream.spool:  # its sound goes when the text is typed, or cancelled
            self._stream.spool.note(one.number, "offered")
        self._asides.pop(one.number, None)
        self._stream.aside.discard(one.number)
        self._stream.delivery.offer(one.number, text, LATE)
        self._events.emit(one.utterance.delivered(one.number, text, "refused", "", None))
        self._note(one, "offered")
        self._end_try("its text is there")

    def _leave(self, number: int) -> None:
        """Leave what is on disk of it to the user: `doctor` names it; it is not retried."""
        left = self._asides.pop(number)
        if self._stream.spool:
            self._stream.spool.note(number, "set-aside", is_tried_again=False)
        self._note(left, "left")

    def _fail(self, one: QuarantinedUtterance) -> None:
        """The engine died on it."""
        one.failed()
        self._end_failed(one, "waits" if one.waits else "failed")

    def _postpone(self, one: QuarantinedUtterance) -> None:
        """No worker could decode it: that says nothing about its sound, and counts as no try."""
        one.is_wished = False
        self._backoff.failed(self._now_s())
        self._end_failed(one, "postponed")

    def _end_failed(self, one: QuarantinedUtterance, state: str) -> None:
        self._note(one, state)
        self._end_try("it failed")

    def _forget(self, one: QuarantinedUtterance, state: str) -> None:
        self._asides.pop(one.number, None)
        self._stream.aside.discard(one.number)
        self._stream.forget_sound(one.number)
        self._note(one, state)
        if self._try and self._try.aside is one:
            self._end_try("there is nothing more to be done")
        self._fulfil()

    def _forget_gone(self) -> None:
        for one in list(self._asides.values()):
            if one.is_gone and not (self._try and self._try.aside is one):
                self._forget(one, "gone")

    def _leave_lost(self) -> None:
        """Report sound that was in memory alone and is overwritten: it cannot be retried."""
        begins = self._stream.journal.ring_start_sample
        for one in list(self._asides.values()):
            first, last = one.utterance.first_sample, min(begins, one.utterance.last_sample)
            if gaps := without((first, last), self._span(one.number)):
                for gap in gaps:
                    self._post(AudioLost(*gap))
                self._leave(one.number)

    def _span(self, number: int) -> Span:
        """Its samples on disk, as far as the spool knows."""
        return self._stream.spool.span(number) if self._stream.spool else (0, 0)

    def _end_try(self, reason: str) -> None:
        tried, self._try = self._try, None
        if tried and tried.worker is self._own:
            self._own.release(reason, 0.0)
        self._fulfil()

    def _fulfil(self, error: SwictationError | None = None) -> None:
        """Answer those who asked for a retry, once all they asked for is tried."""
        if any(one.is_wished for one in self._asides.values()):
            return
        if self._waiting:
            self._waiting.set_result(error)
            self._waiting = None

    def _state(self, one: QuarantinedUtterance) -> Literal["tried", "pending", "waits"]:
        if self._try and self._try.aside is one:
            return "tried"
        return "waits" if one.waits else "pending"

    def _look_again(self) -> None:
        self._timer = None
        self.tend()

    def _tell(self, event: Event) -> None:
        """Post an event of its own worker, apart from those of the others."""
        wrapped = isinstance(event, WorkerReady | WorkerAnswered | WorkerFailed | WorkerGone)
        self._post(RetryNews(event) if wrapped else event)

    def _note(self, one: QuarantinedUtterance, state: str) -> None:
        one.state = state
        at_s = to_seconds(one.utterance.first_sample)
        _log.info("set aside at %.1f s (%s): %s", at_s, one.path or "in memory", state)
        self._events.emit(RetryStateChanged(one.number, at_s, state))
