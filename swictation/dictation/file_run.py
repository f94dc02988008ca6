"""Plays a file from its first sample to its last word, and collects the outcome."""

import logging

from swictation.dictation.stream import Outcome, Quarantined, Segment, Stream
from swictation.dictation.transcriber import Transcriber
from swictation.dispatcher import Dispatcher
from swictation.errors import Interrupted, SwictationError
from swictation.events import (
    DetectorFailed,
    DetectorRecovered,
    HeldSettled,
    Injected,
    SourceEnded,
    TextDoubted,
    TextHeld,
    WorkerGone,
    WorkerReady,
)
from swictation.facts import StoppedEarly
from swictation.types import to_seconds
from swictation.worker.pool import WorkerPool, gave_up

_AGAIN = "type the same command again"

_log = logging.getLogger(__name__)


class FileRun:
    """Owns a stream until its text has arrived; see `runloop.Owner`."""

    def __init__(
        self,
        stream: Stream,
        transcriber: Transcriber,
        pool: WorkerPool,
        events: Dispatcher,
        *,
        device: str,
    ) -> None:
        """`device`: where the engine computes, if that is known from an earlier file."""
        self._stream = stream
        self._transcriber = transcriber
        self._pool = pool
        self._events = events
        self._give_up: SwictationError | None = None
        self.device = device
        self.outcome = Outcome()

    @property
    def is_listening(self) -> bool:
        """Whether the file is not yet heard to its end."""
        return bool(self._stream.unheard)

    def is_over(self) -> bool:
        """Whether its text has arrived.

        Without speech, too, it waits for an engine: whether that works must not depend on speech.

        Raises:
            SwictationError: it cannot be finished; the sound stays in the spool.
        """
        if self._give_up:
            raise self._give_up
        if self._pool.gpu_trouble and self._pool.is_hopeless and not self._stream.is_done:
            raise gave_up(self._pool.gpu_trouble, None, _AGAIN)
        outcome = self.outcome
        needs_no_engine = outcome.error or outcome.undelivered or outcome.is_interrupted
        return self._stream.is_done and bool(self.device or needs_no_engine)

    def finish(self) -> Outcome:
        """The outcome, once all threads have stopped."""
        self.outcome.duration_s = to_seconds(self._stream.heard_sample)
        self.outcome.lost_samples = self._transcriber.losses.samples
        return self.outcome

    def abandon(self) -> None:
        """End without waiting longer; what is not text stays in the spool. Raises `Interrupted`."""
        self._stream.delivery.abandon()
        count, sound = len(self._stream.utterances), self._stream.sound.at_the_end
        self._events.emit(StoppedEarly(f"{count} utterances are not transcribed; {sound}"))
        raise Interrupted(
            f"Stopped with {count} utterance(s) not transcribed; {sound}.",
            "where it is: swictation doctor",
        )

    def on_source_ended(self, event: SourceEnded) -> None:
        self.outcome.error = event.error

    def on_heard(self) -> None:
        pass  # a file is one dictation; it is over when its text has arrived

    def on_injected(self, event: Injected) -> None:
        if event.outcome not in {"typed", "confirmed"}:
            self.outcome.undelivered = event.reason
            self._request_stop()
        if event.is_last:
            self._settle(event.utterance)

    def on_held(self, event: TextHeld | TextDoubted | HeldSettled) -> None:
        pass  # held text cannot be asked for once the file is over

    def on_worker(self, event: WorkerReady | WorkerGone) -> None:
        if isinstance(event, WorkerReady):
            self.device = event.capabilities.device
        elif self._pool.is_hopeless or (event.error and not self._pool.is_spared(event)):
            self._give_up = gave_up(event.reason, event.error or event.said, _AGAIN)

    def on_detector(self, event: DetectorFailed | DetectorRecovered) -> None:
        if isinstance(event, DetectorFailed):
            message = f"The speech detector does not work ({event.reason}): nothing can be heard."
            self._give_up = SwictationError(message, "swictation doctor")

    def on_stop(self, reason: str) -> None:
        self.outcome.is_interrupted = True
        self._request_stop()

    def _request_stop(self) -> None:
        if self._stream.capture:
            self._stream.capture.request_stop()

    def _settle(self, number: int) -> None:
        utterance = self._stream.settle(number, keeps_sound=False)
        end_sample = utterance.last_sample
        if not self._stream.unheard:
            end_sample = min(end_sample, self._stream.heard_sample)
        start_s, end_s = to_seconds(utterance.first_sample), to_seconds(end_sample)
        _log.info("speech at %.1f-%.1f s: %d characters", start_s, end_s, len(utterance.text))
        if utterance.is_quarantined:
            self.outcome.quarantined.append(Quarantined(start_s, end_s, utterance.kept_at))
        if text := utterance.text.strip():
            self.outcome.segments.append(Segment(round(start_s, 3), round(end_s, 3), text))
        self.outcome.text += utterance.text
