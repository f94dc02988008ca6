"""What daemon and worker say to each other: versioned, msgpack, no pickle."""

import msgspec

from swictation.asr.engine import EngineSpec
from swictation.types import Capabilities, DecodeRequest, Hypothesis

PROTOCOL_VERSION = 1


class Load(msgspec.Struct, frozen=True, tag=True):
    """First message to a worker: load this engine."""

    version: int
    generation: int
    spec: EngineSpec


class Decode(msgspec.Struct, frozen=True, tag=True):
    """Answer `request`; `pcm` is its samples, int16 little endian."""

    request: DecodeRequest
    pcm: bytes


class Ping(msgspec.Struct, frozen=True, tag=True):
    """Are you there?"""

    number: int


class Shutdown(msgspec.Struct, frozen=True, tag=True):
    """Finish and exit with 0."""


class Ready(msgspec.Struct, frozen=True, tag=True):
    """The engine is loaded."""

    version: int
    generation: int
    pid: int
    capabilities: Capabilities
    load_s: float


class LoadFailed(msgspec.Struct, frozen=True, tag=True):
    """The engine cannot be loaded; the worker exits."""

    message: str
    remedy: str = ""


class Answer(msgspec.Struct, frozen=True, tag=True):
    """The answer to request `number`, done at `done_s` of the machine's monotonic clock."""

    number: int
    hypothesis: Hypothesis
    done_s: float


class Failed(msgspec.Struct, frozen=True, tag=True):
    """The engine raised while it answered request `number`; the worker should be replaced."""

    number: int
    error: str
    """The exception's type; its text could hold dictated words."""


class Pong(msgspec.Struct, frozen=True, tag=True):
    """I am."""

    number: int


ToWorker = Load | Decode | Ping | Shutdown
FromWorker = Ready | LoadFailed | Answer | Failed | Pong
