"""The device memory that a model will take, known before it is loaded."""

from typing import Annotated

import msgspec

Precision = str
"""One of `PRECISIONS`."""

PRECISIONS = ("fp16", "bf16", "int8", "fp32")
"""The best first. fp32 is no more accurate than fp16 and takes twice as much."""


_Mib = Annotated[float, msgspec.Meta(ge=0, le=1e6)]
"""Checked where a plan is read: it may come from a file."""


class MemoryPlan(msgspec.Struct, frozen=True, gc=False):
    """A way to load a model. All figures are MiB on the device, without the context."""

    precision: Precision
    weights_mib: _Mib
    """Parameters and buffers of the model."""
    buffer_mib: _Mib
    """What a stream keeps between two steps: its sound, the decoder's caches."""
    activation_mib: _Mib
    """The most that one step takes besides them."""

    @property
    def resident_mib(self) -> float:
        """What is held while nothing is computed."""
        return self.weights_mib + self.buffer_mib
