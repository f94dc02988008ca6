"""What the run loop tells its listeners: each fact is one frozen event, emitted as it happens.

Some are events of the inbox that are passed on (`swictation.events`), some are decision points of
the speech detector (`swictation.types`) or effects of the memory manager. A fault says in its
`message`, for people and without a dictated word, what went wrong. Only `PartialTranscript`,
`TextCommitted`, `UtteranceTranscribed` and `UtteranceDelivered` hold dictated text: no listener
may log those.
"""

import msgspec
from msgspec import UNSET, UnsetType

from swictation.errors import with_remedy
from swictation.events import (
    DetectorFailed,
    DetectorMoved,
    DetectorRecovered,
    FrameSkipped,
    Injected,
    SpoolFailed,
    SpoolRecovered,
    StateChanged,
    TextHeld,
    ThreadFailed,
    WorkerFailed,
    WorkerGone,
    WorkerReady,
)
from swictation.gpu.effects import LevelChanged, MemoryFreed
from swictation.types import Placement, SpeechEnded, SpeechStarted, to_seconds

# --- text ------------------------------------------------------------------------------------


class PartialTranscript(msgspec.Struct, frozen=True):
    """Tentative text of an utterance that goes on; it replaces the one before."""

    utterance: int
    text: str
    audio_s: float
    cpu_s: float


class TextCommitted(msgspec.Struct, frozen=True):
    """Text of an utterance that will not change any more, exactly as it is delivered."""

    utterance: int
    number: int
    """Of the piece; 0: it is captured, for its caller alone."""
    text: str
    audio_s: float
    overhead_ms: float
    """From when it could have been known until now."""


class UtteranceTranscribed(msgspec.Struct, frozen=True):
    """An utterance is transcribed to its end; `text` is all of it."""

    utterance: int
    start_s: float
    end_s: float
    text: str


class UtteranceDelivered(msgspec.Struct, frozen=True):
    """The outcome of an utterance's text is known. Not emitted for captured or empty text.

    `outcome` is that of its last piece, as in `Injected`: with "refused" it is held, with
    "unproven" it may still arrive. Later changes are `Injected` of that utterance; text from a
    retry has a fact of its own, with "refused".
    """

    utterance: int
    text: str
    target: str
    """The application it was meant for, by its own name; "" where that is not known."""
    outcome: str
    engine: str
    device: str
    """Where the engine computed: "cpu" or "cuda"."""
    latency_s: float | None
    """From the end of its speech to its last words; None where it was cut."""


class HeldReduced(msgspec.Struct, frozen=True):
    """Fewer texts are held than before: `count`, of which `pending` may arrive by themselves."""

    count: int
    reason: str
    pending: int


class DeliveryDoubted(msgspec.Struct, frozen=True):
    """It cannot be found out whether all of an utterance's text has arrived."""

    utterance: int
    message: str


# --- sound -----------------------------------------------------------------------------------


class UtteranceQuarantined(msgspec.Struct, frozen=True):
    """An utterance is left out; its sound is kept at `path`, or in memory alone ("")."""

    utterance: int
    path: str
    reason: str

    @property
    def message(self) -> str:
        return f"{self.reason}: its sound is set aside in {self.path or 'memory'}"


class RetryStateChanged(msgspec.Struct, frozen=True):
    """A quarantined utterance's state changed; the states are in docs/cli.md."""

    utterance: int
    audio_s: float
    state: str


class LossGrew(msgspec.Struct, frozen=True):
    """Sound is neither text nor kept: emitted when that begins, and for each 30 s of it."""

    first_sample: int
    last_sample: int
    total_samples: int

    @property
    def message(self) -> str:
        at = f"{to_seconds(self.first_sample):.1f}-{to_seconds(self.last_sample):.1f} s"
        total_s = to_seconds(self.total_samples)
        return f"the sound at {at} is no longer kept; {total_s:.1f} s are lost in all"


class LossEnded(msgspec.Struct, frozen=True):
    """Memory again holds all sound that is not text yet."""

    total_samples: int


class MicrophoneChanged(msgspec.Struct, frozen=True):
    """The microphone's health or source changed."""

    health: str
    source: str


class MicrophoneFailed(msgspec.Struct, frozen=True):
    """No sound comes from the microphone."""

    message: str


# --- engines and the GPU ---------------------------------------------------------------------


class WorkerReplaced(msgspec.Struct, frozen=True):
    """A worker died, and another takes its place."""

    generation: int
    reason: str
    is_explained: bool
    """Whether the cause has a message of its own, emitted as `EngineFailed`."""

    @property
    def message(self) -> str:
        return f"the speech engine is replaced (worker {self.generation}: {self.reason})"


class WorkerRecycled(msgspec.Struct, frozen=True):
    """A healthy worker has outgrown its limit and is replaced."""

    rss_mib: int


class EngineFailed(msgspec.Struct, frozen=True):
    """No worker can be kept alive; the next starts follow after growing pauses."""

    reason: str
    remedy: str

    @property
    def message(self) -> str:
        return with_remedy(self.reason, self.remedy)


class CpuStandbyFailed(msgspec.Struct, frozen=True):
    """The engine on the CPU cannot be kept alive, while one on a GPU is wanted."""

    reason: str
    remedy: str

    @property
    def message(self) -> str:
        return with_remedy(self.reason, self.remedy)


class ModelUnavailable(msgspec.Struct, frozen=True):
    """A model cannot be found or downloaded."""

    reason: str
    remedy: str

    @property
    def message(self) -> str:
        return with_remedy(self.reason, self.remedy)


class ServiceModeDegraded(msgspec.Struct, frozen=True):
    """The engine or the detector does not compute where it is configured to."""

    mode: str
    reason: str

    @property
    def message(self) -> str:
        return f"{self.mode}: {self.reason}"


class GpuActionTaken(msgspec.Struct, frozen=True):
    """Something was done to share the GPU; the actions are in docs/cli.md."""

    action: str
    reason: str
    to: Placement | UnsetType | None = UNSET
    """Where the detector or the requests go; None: nowhere."""


# --- the rest --------------------------------------------------------------------------------


class InjectorUnavailable(msgspec.Struct, frozen=True):
    """There is no window that text can be typed into."""

    reason: str

    @property
    def message(self) -> str:
        return f"text cannot be typed: {self.reason}"


class ConfigDoubted(msgspec.Struct, frozen=True):
    """The configuration was read again and holds what has no effect, such as an unknown key."""

    message: str


class ConfigRejected(msgspec.Struct, frozen=True):
    """The configuration was read again and cannot be used: the old one stays."""

    reason: str

    @property
    def message(self) -> str:
        return f"the old configuration stays: {self.reason}"


class StoppedEarly(msgspec.Struct, frozen=True):
    """The program ends with sound that is not text, or text that is not delivered."""

    message: str


class StatusChanged(msgspec.Struct, frozen=True):
    """`status` shows something else now, and no other fact says so."""


class FileRunEnded(msgspec.Struct, frozen=True):
    """A file is over; `usage` is what daemon and worker took, see `daemon.eventlog.snapshot`."""

    audio_s: float
    usage: dict[str, object]


Fault = (
    ConfigDoubted
    | ConfigRejected
    | CpuStandbyFailed
    | DeliveryDoubted
    | DetectorFailed
    | EngineFailed
    | FrameSkipped
    | InjectorUnavailable
    | LossGrew
    | MicrophoneFailed
    | ModelUnavailable
    | ServiceModeDegraded
    | SpoolFailed
    | StoppedEarly
    | ThreadFailed
    | UtteranceQuarantined
    | WorkerFailed
    | WorkerReplaced
)
"""Something went wrong: each has a `message`."""

Fact = (
    Fault
    | DetectorMoved
    | DetectorRecovered
    | FileRunEnded
    | MemoryFreed
    | GpuActionTaken
    | HeldReduced
    | Injected
    | LevelChanged
    | LossEnded
    | MicrophoneChanged
    | PartialTranscript
    | RetryStateChanged
    | SpeechEnded
    | SpeechStarted
    | SpoolRecovered
    | StateChanged
    | StatusChanged
    | TextCommitted
    | TextHeld
    | UtteranceDelivered
    | UtteranceTranscribed
    | WorkerGone
    | WorkerReady
    | WorkerRecycled
)
