"""The port of a recogniser. An engine lives in a worker process, never in the daemon."""

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import msgspec

from swictation.types import Allocator, Capabilities, DecodeRequest, Hypothesis

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Waveform = NDArray[np.float32]
    """Mono at 16 kHz in [-1, 1], shape (n,)."""
else:
    Waveform = Any  # as `types.Samples`


class EngineSpec(msgspec.Struct, frozen=True, gc=False):
    """Which engine to load, and how. Sent to the worker unchanged."""

    engine: str
    model: str
    model_path: str
    language: str
    options: dict[str, Any] = {}
    """The engine's own table of the configuration."""
    device: str = "cpu"
    """Where it computes: "cpu" or "cuda"."""
    gpu: str = ""
    """The UUID of the GPU; "": any."""
    tier: int = 0
    """Which of its `Capabilities.tiers` to load, on a GPU."""
    detector: str = ""
    """The speech detector to load beside it, "module:function"; "": none."""


class Engine(Protocol):
    """A loaded model. Used on one thread."""

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""
        ...

    def decode(self, request: DecodeRequest, waveform: Waveform) -> Hypothesis:
        """Answer `request`, whose samples are `waveform`.

        Raises:
            Exception: anything; the worker reports it and is replaced.
        """
        ...

    def close(self) -> None:
        """Free everything."""
        ...


@runtime_checkable
class DeviceEngine(Engine, Protocol):
    """An engine whose model is on a GPU."""

    @property
    def allocator(self) -> Allocator:
        """The allocator that holds the engine's memory."""
        ...

    def apply(self, order: str) -> bool:
        """Carry out `gpu.effects.Order.what`, between two decodes. False: it does not know how.

        "trim" never comes here: the guard handles it.
        """
        ...
