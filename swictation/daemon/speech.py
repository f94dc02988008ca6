"""The speech thread: reads the journal, hears speech begin and end, posts decision points."""

from collections.abc import Callable
from threading import Thread

import numpy as np

from swictation.audio.framer import Framer
from swictation.audio.journal import Journal
from swictation.clock import Clock
from swictation.errors import AudioLostError
from swictation.events import AudioLost, Event, PointsFound, Scanned, StreamEnded, ThreadFailed
from swictation.types import Frame, Point, Samples, to_samples
from swictation.vad.listener import Listener

_READ_LIMIT = to_samples(1.0)


class SpeechThread:
    """Hears one stream to its end. It never waits for the worker."""

    def __init__(
        self,
        journal: Journal,
        listener: Listener,
        post: Callable[[Event], None],
        clock: Clock,
        report_every_s: float,
    ) -> None:
        self._journal = journal
        self._listener = listener
        self._post = post
        self._clock = clock
        self._report_every = to_samples(report_every_s)
        self._is_abandoned = False
        self.heard_sample = 0
        """All before this sample is heard."""
        self._thread = Thread(target=self._run, name="speech", daemon=True)

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def join(self) -> None:
        """Wait for the thread's end, which follows the journal's; what is unheard stays so."""
        self._is_abandoned = True
        self._thread.join()

    def _run(self) -> None:
        try:
            self._listen()
        except Exception as failure:  # noqa: BLE001 - the thread must report whatever ends it
            self._post(ThreadFailed("speech", repr(failure)))

    def _listen(self) -> None:
        framer = Framer()
        reported = 0
        while self._journal.wait_beyond(self.heard_sample) and not self._is_abandoned:
            at = self.heard_sample
            end = min(self._journal.end_sample, at + _READ_LIMIT)
            self._post_points(self._hear(framer.feed(self._read(at, end))))
            self.heard_sample = end
            if end - reported >= self._report_every:
                reported = end
                self._post(Scanned(end, self._listener.last_probability))
        last = self._hear(framer.flush())
        self._post_points(last + self._listener.flush(self.heard_sample))
        self._post(StreamEnded(self.heard_sample))

    def _read(self, first_sample: int, last_sample: int) -> Samples:
        """What was captured; silence in place of what is lost, so that the numbers stay true."""
        try:
            return self._journal.read(first_sample, last_sample)
        except AudioLostError:
            self._post(AudioLost(first_sample, last_sample))
            return np.zeros(last_sample - first_sample, np.int16)

    def _hear(self, frames: list[Frame]) -> list[Point]:
        return [point for frame in frames for point in self._listener.feed(frame)]

    def _post_points(self, points: list[Point]) -> None:
        if points:
            self._post(PointsFound(tuple(points), self._clock.now_s()))
