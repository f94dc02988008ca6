"""What a model will take of a device's memory, told before it is loaded."""

from typing import Annotated

import msgspec

Precision = str
"""One of `PRECISIONS`."""

PRECISIONS = ("fp16", "bf16", "int8", "fp32")
"""The best first; fp32 recognises no better than fp16 and takes twice as much."""


_Mib = Annotated[float, msgspec.Meta(ge=0, le=1e6)]
"""Checked where a plan is read: it may come from a file."""


class MemoryPlan(msgspec.Struct, frozen=True, gc=False):
    """One way to load one model. All figures are MiB on the device; the context is not in them."""

    precision: Precision
    weights_mib: _Mib
    """Parameters and buffers of the model."""
    buffer_mib: _Mib
    """What a stream keeps between two steps: its sound, the decoder's caches."""
    activation_mib: _Mib
    """The most that one step takes beside them."""

    @property
    def resident_mib(self) -> float:
        """What stays while nothing is computed."""
        return self.weights_mib + self.buffer_mib
