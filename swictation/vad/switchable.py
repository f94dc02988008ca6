"""Where the detector runs: in the daemon, or as a copy in a worker; moved between frames.

The daemon's own detector is always there. A detector that takes over first hears the last two
seconds again, so that it has the same state, and no frame is lost or judged twice. A copy in a
worker gets time for that: for some frames it only listens while another one judges.
"""

from collections import deque
from collections.abc import Callable
from threading import Lock

from swictation.errors import DetectorError
from swictation.events import DetectorMoved, Event
from swictation.types import Placement, Samples
from swictation.vad.detector import WARM_FRAMES, Detector
from swictation.vad.remote import RemoteDetector

AHEAD_FRAMES = 8
"""A quarter of a second, in which at least two blocks of 100 ms come from a microphone."""


class DetectorSwitch:
    """Which detector is wanted, and which is used. One for the daemon's life.

    The run loop says what is wanted; the speech thread checks it before each frame and reports the
    result. Reports are posted under the lock, so they arrive in the order of what happened.
    """

    def __init__(self, post: Callable[[Event], None]) -> None:
        self._post = post
        self._lock = Lock()
        self._wanted: tuple[RemoteDetector | None, str] = (None, "")
        self._used: RemoteDetector | None = None
        self._is_judging = False

    @property
    def placement(self) -> Placement:
        """Where frames are judged."""
        return "gpu" if self._used else "cpu"

    def use(self, remote: RemoteDetector | None, reason: str) -> None:
        """Judge frames there as soon as it is warm; None: in the daemon. Returns at once.

        A remote is left at once, or after the frame that is being judged: if the microphone is
        closed, no frame comes that would show it.
        """
        with self._lock:
            self._wanted = (remote, reason)
            if remote is None and not self._is_judging:
                self._move(None)

    def begin(self) -> RemoteDetector | None:
        """The detector for the next frame, once it is warm; `took` ends it. Speech thread."""
        with self._lock:
            self._is_judging = True
            return self._wanted[0]

    def took(self, remote: RemoteDetector | None) -> None:
        """A frame was judged there. Speech thread."""
        with self._lock:
            self._is_judging = False
            self._move(remote if self._wanted[0] else None)

    def _move(self, remote: RemoteDetector | None) -> None:
        """Report it if it is another device. The lock is held."""
        before, self._used = self.placement, remote
        if self.placement != before:
            self._post(DetectorMoved(self.placement, self._wanted[1], is_fault=False))

    def failed(self, remote: RemoteDetector, why: str) -> None:
        """It did not judge a frame: do not ask it again until it is wanted again.

        It does not count as a failure if it was about to be left anyway. Speech thread.
        """
        with self._lock:
            is_fault = self._wanted[0] is remote
            if is_fault:
                self._wanted = (None, why)
            had_moved, self._used = self._used is remote, None
            if is_fault or had_moved:
                self._post(DetectorMoved("cpu", self._wanted[1], is_fault))


class SwitchableDetector:
    """A detector that follows a switch. Speech thread only; one for each dictation."""

    def __init__(self, own: Detector, switch: DetectorSwitch) -> None:
        self._own = own
        self._switch = switch
        self._used: RemoteDetector | None = None
        self._next: RemoteDetector | None = None
        """The detector that only listens, and takes over in `_ahead` frames."""
        self._ahead = 0
        self._recent: deque[Samples] = deque(maxlen=WARM_FRAMES)
        """What was heard last: the journal's samples, but levelled, so they are kept here."""

    def probability(self, samples: Samples) -> float:
        """See `Detector.probability`. If a remote cannot judge, our own does, at once."""
        try:
            found = self._ask_remote(samples)
            if found is None:
                found = self._ask_own(samples)
            self._recent.append(samples)
            return found
        finally:
            self._switch.took(self._used)

    def reset(self) -> None:
        """See `Detector.reset`."""
        self._recent.clear()
        self._next = None
        (self._used or self._own).reset()

    def _ask_remote(self, samples: Samples) -> float | None:
        """The remote's answer; None: it should not judge this frame, or could not."""
        remote = self._switch.begin()
        if remote is None:
            self._next = None
            return None
        try:
            if not self._is_warm(remote):
                remote.hear(samples)
                return None
            found = remote.probability(samples)
        except DetectorError as error:
            self._next = None
            self._switch.failed(remote, error.message)
            return None
        self._used, self._next = remote, None
        return found

    def _is_warm(self, remote: RemoteDetector) -> bool:
        if remote is self._used:
            return True
        if remote is not self._next:
            self._next, self._ahead = remote, min(AHEAD_FRAMES, len(self._recent))
            remote.reset()
            remote.hear(*self._recent)
        self._ahead -= 1
        return self._ahead < 0

    def _ask_own(self, samples: Samples) -> float:
        if self._used:
            self._used = None
            self._own.reset()
            for heard in self._recent:
                self._own.probability(heard)
        return self._own.probability(samples)
