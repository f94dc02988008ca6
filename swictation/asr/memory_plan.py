"""What a model will take of a device's memory, told before it is loaded."""

import msgspec

from swictation.types import Tier

Precision = str
"""One of `PRECISIONS`."""

PRECISIONS = ("fp16", "bf16", "fp32", "int8")


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


def tiers(model: str, plans: tuple[MemoryPlan, ...]) -> tuple[Tier, ...]:
    """The same as tiers of an engine, in the order of `plans`: the best first."""
    return tuple(Tier(f"{model} {plan.precision}", plan.resident_mib) for plan in plans)
