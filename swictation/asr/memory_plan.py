"""What a model will take of a device's memory, told before it is loaded."""

import msgspec

Precision = str
"""One of `PRECISIONS`."""

PRECISIONS = ("fp16", "bf16", "int8", "fp32")
"""The best first; fp32 recognises no better than fp16 and takes twice as much."""


class MemoryPlan(msgspec.Struct, frozen=True, gc=False):
    """One way to load one model. All figures are MiB on the device; the context is not in them."""

    precision: Precision
    weights_mib: float
    """Parameters and buffers of the model."""
    buffer_mib: float
    """What a stream keeps between two steps: its sound, the decoder's caches."""
    activation_mib: float
    """The most that one step takes beside them."""

    @property
    def resident_mib(self) -> float:
        """What stays while nothing is computed."""
        return self.weights_mib + self.buffer_mib
