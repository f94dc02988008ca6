"""The audio thread: owns a source from open to close and fills the journal."""

from collections.abc import Callable
from threading import Event as Flag
from threading import Thread

from swictation.audio.journal import Journal
from swictation.audio.source import Source
from swictation.errors import AudioError, SwictationError
from swictation.events import Event, SourceEnded
from swictation.types import Samples

_LAST_READ_S = 1.0


class Capture:
    """Runs one source until it ends or is stopped. Started and stopped by the run loop."""

    def __init__(self, source: Source, journal: Journal, post: Callable[[Event], None]) -> None:
        self._source = source
        self._journal = journal
        self._post = post
        self._stop = Flag()
        self._thread = Thread(target=self._run, name="audio", daemon=True)

    def start(self) -> None:
        """Open the source on a thread of its own."""
        self._thread.start()

    def request_stop(self) -> None:
        """Let the source end; what is captured stays. Does not wait."""
        self._stop.set()
        self._journal.close()

    def join(self) -> None:
        """Wait for the thread's end, but not for a read that never returns (an idle pipe)."""
        self._thread.join(_LAST_READ_S)

    def _run(self) -> None:
        error: SwictationError | None = None
        try:
            self._source.run(self._deliver, self._stop)
        except SwictationError as failure:
            error = failure
        except Exception as failure:  # noqa: BLE001 - the thread must report whatever ends it
            error = AudioError(f"{self._source.name} broke off: {failure!r}.", "swictation doctor")
        self._post(SourceEnded(error))
        self._journal.close()

    def _deliver(self, samples: Samples) -> None:
        """A file waits while more than a minute is unsettled: it must not outrun the engine."""
        if self._source.can_wait:
            self._journal.wait_for_room()
        if not self._stop.is_set():
            self._journal.append(samples)
