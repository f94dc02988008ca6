"""Frozen values that cross a seam between stages, and the units everything is counted in."""

from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol

import msgspec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MIB = 2**20
"""Bytes."""

SAMPLE_RATE_HZ = 16_000
FRAME_SAMPLES = 512
"""One frame of the detector: 32 ms."""

if TYPE_CHECKING:
    Samples = NDArray[np.int16]
    """Mono PCM at SAMPLE_RATE_HZ, shape (n,)."""
else:
    Samples = Any  # importing numpy takes 0.1 s, too much for commands that touch no sound

State = Literal["idle", "listening", "transcribing", "stopped"]
"""What the program does, as `status` shows it."""

Language = Annotated[str, msgspec.Meta(pattern="^[a-z]{2,3}$")]


def to_samples(seconds: float) -> int:
    """Seconds as a whole number of samples."""
    return round(seconds * SAMPLE_RATE_HZ)


def to_seconds(samples: int) -> float:
    """Samples as seconds."""
    return samples / SAMPLE_RATE_HZ


class Frame(msgspec.Struct, frozen=True, gc=False):
    """One detector frame. `samples`: int16 (FRAME_SAMPLES,), the last one padded with zeros."""

    first_sample: int
    samples: Samples

    @property
    def end_sample(self) -> int:
        return self.first_sample + len(self.samples)


class Point(msgspec.Struct, frozen=True, gc=False, tag=True):
    """A decision point of an utterance: what the audio says, at an absolute sample number.

    `at_sample` is the end of the frame that made the decision. Points of one source are emitted
    in order and are a function of its samples alone.
    """

    utterance: int
    at_sample: int


class SpeechStarted(Point, frozen=True):
    """Speech began. Audio is kept from `kept_from_sample`, decoded from `first_sample`."""

    kept_from_sample: int
    first_sample: int
    continues: bool
    """True after a cut at the cap: the same sentence goes on."""


class SilenceNoticed(Point, frozen=True):
    """k1: silence long enough to decode speculatively up to `last_sample`."""

    last_sample: int


class SilenceConfirmed(Point, frozen=True):
    """k2: silence long enough to commit what is sure."""


class SpeechResumed(Point, frozen=True):
    """Speech resumed before the hang-over ended."""


EndReason = Literal["silence", "cap", "flush"]


class SpeechEnded(Point, frozen=True):
    """k3, the cap or a flush: commit all that remains up to `last_sample`."""

    last_sample: int
    reason: EndReason


Placement = Literal["gpu", "cpu"]
"""Where something computes: on the GPU, in a worker of its own, or on the CPU."""


Trouble = Literal[
    "",
    "asleep",
    "no-library",
    "no-driver",
    "no-device",
    "lost",
    "mismatch",
    "nonsense",
    "stuck",
    "unknown",
]
"""Why a GPU's memory could not be read; "" where it could."""


class VramSnapshot(msgspec.Struct, frozen=True, gc=False):
    """A reading of a GPU's memory, device-wide: what NVML reported, or why it could not."""

    at_s: float
    """Of the monotonic clock."""
    total_mib: float = 0.0
    free_mib: float = 0.0
    ours_mib: float | None = None
    """Held by this program's workers; None where the driver does not tell (WSL)."""
    is_ours_fresh: bool = True
    """Whether `ours_mib` was read together with the rest; processes are listed less often."""
    trouble: Trouble = ""
    reason: str = ""
    """The trouble in words, for a person."""

    @property
    def is_usable(self) -> bool:
        return not self.trouble

    @property
    def used_fraction(self) -> float:
        """1 - free / total: `total - free` is the same in both versions of NVML's call."""
        return 1.0 - self.free_mib / self.total_mib


class AllocatorFigures(msgspec.Struct, frozen=True, gc=False):
    """What an engine's allocator holds on its device, in MiB; NVML sees neither of these."""

    allocated_mib: float = 0.0
    reserved_mib: float = 0.0
    inactive_split_mib: float = 0.0
    """Free pieces within segments that are in use: `empty_cache` cannot return them."""
    peak_mib: float = 0.0
    """Most that was reserved at once during the last unit of work."""
    retries: int = 0
    """How often it had to empty its cache to serve, since it began."""
    ooms: int = 0
    """How often it had to refuse, since it began."""


class Allocator(Protocol):
    """What holds an engine's memory on its device; read and emptied in the worker only."""

    def figures(self) -> AllocatorFigures | None:
        """What it holds now; None where that cannot be read, which does not mean zero."""
        ...

    def free_mib(self) -> float | None:
        """The device's free memory in MiB; None where that cannot be read."""
        ...

    def collect(self) -> None:
        """Give back what is cached: collect garbage, synchronise, empty the cache, in that order.

        Raises:
            Exception: whatever the device reports; after a fatal error, at each later call as well.
        """
        ...

    def begin_unit(self) -> None:
        """Begin a new measurement of the peak."""
        ...


class Tier(msgspec.Struct, frozen=True, gc=False):
    """A way to load an engine's model, such as "1b fp16" or "180m int8"."""

    name: str
    resident_mib: float
    """Weights and buffers on the device once loaded; the context is not in it."""


DEATHS_UNTIL_QUARANTINE = 2
"""A request that killed this many workers at one placement is never sent there again."""

FailureKind = Literal["oom", "fatal", "crash", "hang", "lost", "other"]
"""What happened to a unit of work on a device: see `gpu.policy.failures`."""


class Chunking(msgspec.Struct, frozen=True, gc=False):
    """At which lengths of an utterance a streaming engine brings text while speech goes on."""

    first_samples: int
    every_samples: int


class Capabilities(msgspec.Struct, frozen=True, gc=False):
    """What an engine can do; callers check this and never its class."""

    device: str
    """Where it computes: "cpu" or "cuda"."""
    languages: tuple[str, ...]
    forced_prefix: bool = False
    """Continues text that is already typed."""
    chunking: Chunking | None = None
    """It streams: while speech goes on its text only ever grows, and is typed as it comes."""
    partials: bool = False
    """Can decode speech that is still going on."""
    tiers: tuple[Tier, ...] = ()
    """On a GPU: the ways it can be loaded, the best first."""
    tier: int = 0
    """The one that is loaded."""
    precision: str = ""
    """The number format of its weights: fp16, bf16, int8, fp32; "" where it does not tell."""


class DecodeRequest(msgspec.Struct, frozen=True, gc=False):
    """A stateless piece of work for an engine; the same request always has the same answer.

    `forced_text` is the engine's own text committed so far in this utterance.
    """

    number: int
    utterance: int
    first_sample: int
    last_sample: int
    forced_text: str = ""
    partial: bool = False
    """For display only: may be skipped, is never typed."""
    goes_on: bool = False
    """Speech goes on: only words that no later sound will change are wanted. Streaming engines."""

    @property
    def duration_s(self) -> float:
        return to_seconds(self.last_sample - self.first_sample)


class Hypothesis(msgspec.Struct, frozen=True, gc=False):
    """An engine's answer to a request."""

    new_text: str
    """What follows the forced text, leading space included."""
    confident: bool
    """Sure enough to be typed after a short pause."""
    dropped: Literal["", "noise", "loop"] = ""
    """Why the engine withheld its text."""
    score: float = 0.0
    """Mean log-probability over all tokens, forced ones included at 0."""
    no_speech_prob: float = 0.0
    retries: int = 0
    decode_s: float = 0.0
    cpu_s: float = 0.0
    beyond: str | None = None
    """The part of the forced text after the request's sound; None: the engine cannot tell."""


class Commit(msgspec.Struct, frozen=True, gc=False):
    """Irrevocable text of an utterance: `text` follows what was committed before."""

    utterance: int
    text: str
    final: bool
    """The utterance ends here."""
    at_sample: int = 0
    """The decision point that it belongs to."""
    joins_next: bool = False
    """The next utterance continues this sentence (a cut at the cap)."""
