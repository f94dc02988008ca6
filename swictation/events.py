"""Every event that the run loop receives. Posted from any thread, handled on one.

Some are passed on to listeners: see `facts.Fact`. A fault has a `message` for people.
"""

import msgspec

from swictation.errors import SwictationError
from swictation.types import (
    AllocatorFigures,
    Capabilities,
    Commit,
    FailureKind,
    Hypothesis,
    Placement,
    Point,
    State,
    VramSnapshot,
    to_seconds,
)


class PointsFound(msgspec.Struct, frozen=True):
    """The speech thread reached decision points, at `posted_s` of the monotonic clock.

    Together what was heard together: a silence that ended in the same block is never decoded.
    """

    points: tuple[Point, ...]
    posted_s: float


class AudioProcessed(msgspec.Struct, frozen=True):
    """The speech thread has heard everything before `sample`."""

    sample: int
    probability: float
    """Of speech, in the last frame."""


class SourceEnded(msgspec.Struct, frozen=True):
    """Nothing more will be captured."""

    error: SwictationError | None


class DictationProcessed(msgspec.Struct, frozen=True):
    """A dictation, or a file, is heard to its end at `end_sample`; all its points are posted."""

    end_sample: int


class WorkerReady(msgspec.Struct, frozen=True):
    """A worker has loaded its engine."""

    generation: int
    pid: int
    capabilities: Capabilities
    load_s: float
    placement: Placement = "cpu"
    figures: AllocatorFigures | None = None


class WorkerAnswered(msgspec.Struct, frozen=True):
    """A worker answered a request, done at `done_s` of the monotonic clock."""

    generation: int
    number: int
    hypothesis: Hypothesis
    done_s: float
    placement: Placement = "cpu"
    audio_s: float = 0.0
    """How much sound was decoded at once."""
    figures: AllocatorFigures | None = None


class WorkerFailed(msgspec.Struct, frozen=True):
    """A worker could not answer a request, and lives on: it was short of device memory."""

    generation: int
    number: int
    kind: FailureKind
    placement: Placement = "gpu"
    figures: AllocatorFigures | None = None

    @property
    def message(self) -> str:
        return f"worker {self.generation} could not answer ({self.kind}) and goes on"


class WorkerGone(msgspec.Struct, frozen=True):
    """A worker ended. `is_fault` unless it was asked to."""

    generation: int
    reason: str
    is_fault: bool
    utterance: int | None = None
    """The one whose audio it was decoding."""
    error: SwictationError | None = None
    """What the user can do about it, where that is known."""
    placement: Placement = "cpu"
    kind: FailureKind = "crash"
    """Of the fault, where it is one."""
    said: SwictationError | None = None
    """What the engine says to the user of an utterance that it could not decode."""


class RetryNews(msgspec.Struct, frozen=True):
    """An event of the worker that retries quarantined utterances and does nothing else."""

    event: WorkerReady | WorkerAnswered | WorkerFailed | WorkerGone


class OrderDone(msgspec.Struct, frozen=True):
    """A worker carried out a worker command, or could not."""

    generation: int
    order: str
    is_done: bool
    figures: AllocatorFigures | None = None


class VramRead(msgspec.Struct, frozen=True):
    """The VRAM poller has read the GPU's memory, or could not."""

    snapshot: VramSnapshot


class DetectorMoved(msgspec.Struct, frozen=True):
    """The speech detector computes elsewhere from now on."""

    placement: Placement
    reason: str
    is_fault: bool
    """Whether it had to: an answer came late, or its process died."""


class DetectorFailed(msgspec.Struct, frozen=True):
    """The speech detector does not work and is created again and again until it does.

    Sound from `sample` on is kept meanwhile, and heard later.
    """

    sample: int
    reason: str

    @property
    def message(self) -> str:
        return f"nothing is heard, sound is kept: {self.reason}"


class DetectorRecovered(msgspec.Struct, frozen=True):
    """The speech detector works again and hears everything from `sample` on."""

    sample: int


class FrameSkipped(msgspec.Struct, frozen=True):
    """A frame near `sample` is treated as silence: two working detectors failed on it."""

    sample: int
    reason: str

    @property
    def message(self) -> str:
        at_s = to_seconds(self.sample)
        return f"32 ms near {at_s:.1f} s are treated as silence: {self.reason}"


class AudioLost(msgspec.Struct, frozen=True):
    """Samples were overwritten before they were heard: the machine was too slow for too long."""

    first_sample: int
    last_sample: int


class ThreadFailed(msgspec.Struct, frozen=True):
    """An exception ended a thread of this program: a bug."""

    thread: str
    reason: str

    @property
    def message(self) -> str:
        return f"the thread {self.thread} failed: {self.reason}"


class RingStrained(msgspec.Struct, frozen=True):
    """Most of the sound in RAM is not settled: posted each second of sound while that is so."""


class SpoolFailed(msgspec.Struct, frozen=True):
    """The spool cannot be written: what it lacks is kept in RAM alone, until it recovers."""

    reason: str

    @property
    def message(self) -> str:
        return f"audio is kept in memory only: {self.reason}"


class SpoolRecovered(msgspec.Struct, frozen=True):
    """The spool can be written again; all that RAM still had of what it lacked is on disk."""


class SoundGone(msgspec.Struct, frozen=True):
    """A quarantined utterance's sound is no longer on disk: taken, or deleted to make room."""

    utterance: int


class Composed(msgspec.Struct, frozen=True):
    """A commit has become the text to be delivered as piece `number`; it may be empty."""

    commit: Commit
    number: int
    text: str
    due_s: float
    """When, by the monotonic clock, it could have been known."""


class Injected(msgspec.Struct, frozen=True):
    """A piece of text was delivered, or was not."""

    utterance: int
    number: int
    is_last: bool
    outcome: str
    reason: str
    is_held: bool = False
    """Whether some of the utterance's text is held."""
    target: str = ""
    """Of the last piece: the application it was meant for, by its own name."""


class TextHeld(msgspec.Struct, frozen=True):
    """Text could not be delivered and is held: `count` pieces by now."""

    count: int
    reason: str
    is_on_clipboard: bool
    pending: int = 0
    """How many of them a window has not taken yet and may still take by itself."""


class TextDoubted(msgspec.Struct, frozen=True):
    """Some of an utterance's text may have arrived or not, and that cannot be found out.

    It is not sent again, so its sound is all that is left if it has not.
    """

    utterance: int
    reason: str


class HeldSettled(msgspec.Struct, frozen=True):
    """Held texts arrived or were cancelled; none of `utterances` is held any more."""

    utterances: tuple[int, ...]


class RouteChanged(msgspec.Struct, frozen=True):
    """Waiting requests may go to another placement now, or to one again."""


class StateChanged(msgspec.Struct, frozen=True):
    """The program's state changed, by a command or because all work was done."""

    state: State
    audio_s: float
    """How much sound had been heard by then."""


class StopRequested(msgspec.Struct, frozen=True):
    """The program was asked to end, by a signal."""

    reason: str


Event = (
    PointsFound
    | AudioProcessed
    | SourceEnded
    | DictationProcessed
    | WorkerReady
    | WorkerAnswered
    | WorkerFailed
    | WorkerGone
    | RetryNews
    | OrderDone
    | VramRead
    | RouteChanged
    | DetectorMoved
    | DetectorFailed
    | DetectorRecovered
    | FrameSkipped
    | AudioLost
    | ThreadFailed
    | RingStrained
    | SpoolFailed
    | SpoolRecovered
    | SoundGone
    | Composed
    | Injected
    | TextHeld
    | TextDoubted
    | HeldSettled
    | StateChanged
    | StopRequested
)

GpuEvent = (
    WorkerReady | WorkerAnswered | WorkerFailed | WorkerGone | OrderDone | VramRead | DetectorMoved
)
"""The events that the GPU executor is shown first."""
