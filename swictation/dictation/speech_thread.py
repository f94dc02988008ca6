"""The speech thread: reads the journal, hears speech begin and end, posts decision points."""

from collections.abc import Callable
from threading import Event as Flag
from threading import Thread

from swictation.audio.framer import Framer
from swictation.audio.journal import Journal
from swictation.clock import Clock
from swictation.events import (
    AudioLost,
    AudioProcessed,
    DetectorFailed,
    DetectorRecovered,
    DictationProcessed,
    Event,
    FrameSkipped,
    PointsFound,
    ThreadFailed,
)
from swictation.types import Frame, Point, Samples, to_samples
from swictation.vad.restarting import Abandoned, FailureListener
from swictation.vad.segmenter import SpeechSegmenter

_READ_LIMIT = to_samples(1.0)

NewListener = Callable[[int, int, FailureListener], SpeechSegmenter]
"""Makes a segmenter for a dictation: from its first sample, the number of its first utterance, and
the listener for failures of its detector."""


class SpeechThread:
    """Searches one dictation after the other for speech. It never waits for the worker."""

    def __init__(
        self,
        journal: Journal,
        new_segmenter: NewListener,
        post: Callable[[Event], None],
        clock: Clock,
    ) -> None:
        self._journal = journal
        self._new_segmenter = new_segmenter
        self._post = post
        self._clock = clock
        self._report_every = to_samples(1.0)
        self._abandoned = Flag()
        self._is_deaf = False
        self.heard_sample = 0
        """All before this sample is heard."""
        self._seen_sample = -1
        self._thread = Thread(target=self._run, name="speech", daemon=True)

    def has_progressed(self) -> bool:
        """Whether it heard something since the last call, or has no sound or no detector."""
        before, self._seen_sample = self._seen_sample, self.heard_sample
        is_idle = self._is_deaf or self.heard_sample >= self._journal.end_sample
        return self.heard_sample != before or is_idle

    def report_every(self, seconds: float) -> None:
        """Post `AudioProcessed` after so much sound from now on; at first after each second."""
        self._report_every = to_samples(seconds)

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def join(self) -> None:
        """Wait for the thread's end, which follows the journal's; the rest stays unheard."""
        self._abandoned.set()
        self._thread.join()

    # --- a detector that fails: `FailureListener` ---------------------------------------------

    def failing(self, reason: str) -> None:
        """See `FailureListener.failing`."""
        self._is_deaf = True
        self._post(DetectorFailed(self.heard_sample, reason))

    def wait(self, seconds: float) -> bool:
        """See `FailureListener.wait`: `join` ends it."""
        return not self._abandoned.wait(seconds)

    def recovered(self) -> None:
        """See `FailureListener.recovered`."""
        self._is_deaf = False
        self._post(DetectorRecovered(self.heard_sample))

    def skipped(self, reason: str) -> None:
        """See `FailureListener.skipped`."""
        self._post(FrameSkipped(self.heard_sample, reason))

    # --- the thread --------------------------------------------------------------------------

    def _run(self) -> None:
        utterance = 0
        try:
            while not self._abandoned.is_set():
                utterance = self._listen(utterance)
        except Abandoned:
            pass  # no detector worked to the end
        except Exception as failure:  # noqa: BLE001 - the thread must report whatever ends it
            self._post(ThreadFailed("speech", repr(failure)))

    def _listen(self, first_utterance: int) -> int:
        """Hear a dictation to its end; return the number of the next one's first utterance."""
        framer = Framer(self.heard_sample)
        segmenter = self._new_segmenter(self.heard_sample, first_utterance, self)
        reported = self.heard_sample
        while stretch := self._journal.next_stretch(self.heard_sample, _READ_LIMIT):
            frames = framer.feed(self._read(self.heard_sample, stretch.end_sample))
            self._post_points(self._hear(segmenter, frames))
            self.heard_sample = stretch.next_sample
            if stretch.ends_dictation:
                last = self._hear(segmenter, framer.flush())
                self._post_points(last + segmenter.flush(stretch.end_sample))
                self._post(DictationProcessed(stretch.end_sample))
                break
            if self.heard_sample - reported >= self._report_every:
                reported = self.heard_sample
                self._post(AudioProcessed(reported, segmenter.last_probability))
            if self._abandoned.is_set():
                break
        else:
            self._abandoned.set()
        return segmenter.next_utterance

    def _read(self, first_sample: int, last_sample: int) -> Samples:
        """Captured samples, with silence in place of lost ones: the numbers stay right."""
        samples, lost = self._journal.read_what_is_left(first_sample, last_sample)
        for first, last in lost:
            self._post(AudioLost(first, last))
        return samples

    def _hear(self, segmenter: SpeechSegmenter, frames: list[Frame]) -> list[Point]:
        return [point for frame in frames for point in segmenter.feed(frame)]

    def _post_points(self, points: list[Point]) -> None:
        if points:
            self._post(PointsFound(tuple(points), self._clock.now_s()))
