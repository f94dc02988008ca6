"""The speech thread: reads the journal, hears speech begin and end, posts decision points."""

from collections.abc import Callable
from threading import Thread

import numpy as np

from swictation.audio.framer import Framer
from swictation.audio.journal import Journal
from swictation.clock import Clock
from swictation.errors import AudioLostError
from swictation.events import AudioLost, DictationHeard, Event, PointsFound, Scanned, ThreadFailed
from swictation.types import Frame, Point, Samples, to_samples
from swictation.vad.listener import Listener

_READ_LIMIT = to_samples(1.0)

NewListener = Callable[[int, int], Listener]
"""An ear for a dictation: its first sample, and the number of its first utterance."""


class SpeechThread:
    """Hears one dictation after the other. It never waits for the worker."""

    def __init__(
        self,
        journal: Journal,
        new_listener: NewListener,
        post: Callable[[Event], None],
        clock: Clock,
    ) -> None:
        self._journal = journal
        self._new_listener = new_listener
        self._post = post
        self._clock = clock
        self.report_every_s = 1.0
        """How often, in seconds of sound, `Scanned` is posted."""
        self._is_abandoned = False
        self.heard_sample = 0
        """All before this sample is heard."""
        self._seen_sample = -1
        self._thread = Thread(target=self._run, name="speech", daemon=True)

    def has_progressed(self) -> bool:
        """Whether it has nothing to hear, or has heard something since this was asked last."""
        before, self._seen_sample = self._seen_sample, self.heard_sample
        return self.heard_sample != before or self.heard_sample >= self._journal.end_sample

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def join(self) -> None:
        """Wait for the thread's end, which follows the journal's; what is unheard stays so."""
        self._is_abandoned = True
        self._thread.join()

    def _run(self) -> None:
        utterance = 0
        try:
            while not self._is_abandoned:
                utterance = self._listen(utterance)
        except Exception as failure:  # noqa: BLE001 - the thread must report whatever ends it
            self._post(ThreadFailed("speech", repr(failure)))

    def _listen(self, first_utterance: int) -> int:
        """Hear a dictation to its end; the number of the next one's first utterance."""
        framer = Framer(self.heard_sample)
        listener = self._new_listener(self.heard_sample, first_utterance)
        reported = self.heard_sample
        while stretch := self._journal.next_stretch(self.heard_sample, _READ_LIMIT):
            frames = framer.feed(self._read(self.heard_sample, stretch.end_sample))
            self._post_points(self._hear(listener, frames))
            self.heard_sample = stretch.next_sample
            if stretch.ends_dictation:
                last = self._hear(listener, framer.flush())
                self._post_points(last + listener.flush(stretch.end_sample))
                self._post(DictationHeard(stretch.end_sample))
                break
            if self.heard_sample - reported >= to_samples(self.report_every_s):
                reported = self.heard_sample
                self._post(Scanned(reported, listener.last_probability))
            if self._is_abandoned:
                break
        else:
            self._is_abandoned = True
        return listener.next_utterance

    def _read(self, first_sample: int, last_sample: int) -> Samples:
        """What was captured; silence in place of what is lost, so that the numbers stay true."""
        try:
            return self._journal.read(first_sample, last_sample)
        except AudioLostError:
            self._post(AudioLost(first_sample, last_sample))
            return np.zeros(last_sample - first_sample, np.int16)

    def _hear(self, listener: Listener, frames: list[Frame]) -> list[Point]:
        return [point for frame in frames for point in listener.feed(frame)]

    def _post_points(self, points: list[Point]) -> None:
        if points:
            self._post(PointsFound(tuple(points), self._clock.now_s()))
