"""The audio thread: owns a source from open to close and fills the journal."""

from collections.abc import Callable
from threading import Event as Flag
from threading import Lock, Thread

from swictation.audio.journal import Journal
from swictation.audio.source import Source, Stop
from swictation.errors import AudioError, SwictationError
from swictation.events import Event, SourceEnded
from swictation.types import Samples

_LAST_READ_S = 1.0


class AudioThread:
    """Runs one source until it ends or is stopped. Started and stopped by the run loop."""

    def __init__(
        self,
        source: Source,
        journal: Journal,
        post: Callable[[Event], None],
        after: "AudioThread | None" = None,
    ) -> None:
        """`after`: the audio thread before this one, whose last block comes first."""
        self._source = source
        self._journal = journal
        self._post = post
        self._after = after
        self._stop = Stop()
        self._is_over = Flag()
        self._lock = Lock()
        self._thread = Thread(target=self._run, name="audio", daemon=True)

    def start(self) -> None:
        """Open the source on a thread of its own."""
        self._thread.start()

    def request_stop(self) -> None:
        """Let the source end; does not wait.

        A file ends at once. A microphone still delivers the block that holds this moment.
        """
        self._stop.set()
        if self._source.can_wait:
            self.cut_off()

    def cut_off(self) -> None:
        """Take nothing more: the dictation ends with what is there."""
        self._stop.set()
        with self._lock:
            if not self._is_over.is_set():
                self._journal.end_dictation()
                self._is_over.set()

    def join(self) -> None:
        """Wait for the thread's end, but not for a read that never returns (an idle pipe)."""
        self._thread.join(_LAST_READ_S)

    def _run(self) -> None:
        error: SwictationError | None = None
        try:
            if self._after:
                self._after._is_over.wait()
                self._after = None
            self._source.run(self._deliver, self._stop)
        except SwictationError as failure:
            error = failure
        except Exception as failure:  # noqa: BLE001 - the thread must report whatever ends it
            error = AudioError(
                f"{self._source.name} failed unexpectedly: {failure!r}.", "swictation doctor"
            )
        self.cut_off()
        self._post(SourceEnded(error))

    def _deliver(self, samples: Samples) -> None:
        """A file waits while more than a minute is unsettled: it must not outrun the engine."""
        if self._source.can_wait:
            self._journal.wait_for_room(self._stop.is_set)  # set before the journal wakes it
        with self._lock:
            if not self._is_over.is_set():
                self._journal.append(samples)
