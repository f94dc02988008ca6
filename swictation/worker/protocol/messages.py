"""The messages between daemon and worker: versioned, msgpack, no pickle."""

import msgspec

from swictation.asr.engine import EngineSpec
from swictation.types import (
    AllocatorFigures,
    Capabilities,
    DecodeRequest,
    FailureKind,
    Hypothesis,
)

PROTOCOL_VERSION = 5


class Load(msgspec.Struct, frozen=True, tag=True):
    """The first message to a worker: load this engine."""

    version: int
    spec: EngineSpec


class Decode(msgspec.Struct, frozen=True, tag=True):
    """Answer `request`; `pcm` is its samples, int16 little endian."""

    request: DecodeRequest
    pcm: bytes
    piece_samples: int = 0
    """Where memory is short: the longest piece to decode at once. 0: no limit."""


class Order(msgspec.Struct, frozen=True, tag=True):
    """Do this between two decodes: see `gpu.effects.Order`."""

    what: str


class Ping(msgspec.Struct, frozen=True, tag=True):
    """Ask for a `Pong`, as a sign of life."""


class Shutdown(msgspec.Struct, frozen=True, tag=True):
    """Finish and exit with 0."""


class Ready(msgspec.Struct, frozen=True, tag=True):
    """The engine is loaded."""

    version: int
    pid: int
    capabilities: Capabilities
    load_s: float
    figures: AllocatorFigures | None = None


class LoadFailed(msgspec.Struct, frozen=True, tag=True):
    """The engine cannot be loaded; the worker exits."""

    message: str
    remedy: str = ""
    kind: FailureKind = "other"


class Answer(msgspec.Struct, frozen=True, tag=True):
    """The answer to request `number`, finished at `done_s` of the machine's monotonic clock."""

    number: int
    hypothesis: Hypothesis
    done_s: float
    figures: AllocatorFigures | None = None


class Failed(msgspec.Struct, frozen=True, tag=True):
    """The engine raised while it answered request `number`; 0: while it carried out a command.

    If it was short of device memory ("oom"), the worker lives on. Otherwise it has to be replaced;
    one on a GPU exits by itself.
    """

    number: int
    reason: str
    """The exception's type and place, not its text, which could hold dictated words."""
    kind: FailureKind = "other"
    figures: AllocatorFigures | None = None
    message: str = ""
    """What the engine says to the user by an `EngineError`; "": nothing."""
    remedy: str = ""
    stack: tuple[str, ...] = ()
    """Lines for the log."""


class OrderDone(msgspec.Struct, frozen=True, tag=True):
    """A command was carried out, or could not be."""

    what: str
    is_done: bool
    figures: AllocatorFigures | None = None


class Pong(msgspec.Struct, frozen=True, tag=True):
    """The answer to a `Ping`."""


ToWorker = Load | Decode | Order | Ping | Shutdown
FromWorker = Ready | LoadFailed | Answer | Failed | OrderDone | Pong
