"""What the known models take of a card, by precision: one table, to be corrected in one place.

Canary's are MiB of the real geometry (`tests.bench canary`): weights by precision, the stream's
buffers and one step's activations at a buffer of 5 s. They stand until a model is there and its own
configuration can be asked (`plans`). Whisper's are estimates from the number of parameters.
"""

from collections.abc import Mapping

import msgspec

from swictation.asr.memory_plan import PRECISIONS, MemoryPlan
from swictation.models.spec import ModelSpec
from swictation.types import MIB

_WHISPER_BYTES = {"fp16": 2.0, "int8": 1.1, "fp32": 4.0}
"""A parameter's; int8: some layers stay as they are."""
_WHISPER_WORK_MIB, _WHISPER_WORK_PART = 100.0, 0.22
"""One decode, and its part of the weights: so that large-v3-turbo comes to the 2537 MB in fp16, a
context included, that were seen elsewhere."""


class Figures(msgspec.Struct, frozen=True):
    """One model's."""

    weights_mib: Mapping[str, float]
    buffer_mib: float
    activation_mib: float


_CANARY: dict[str, Figures] = {
    "canary-180m-flash": Figures({"fp16": 352, "bf16": 352, "int8": 197, "fp32": 703}, 6, 33),
    "canary-1b-flash": Figures({"fp16": 1690, "bf16": 1690, "int8": 951, "fp32": 3379}, 6, 33),
    "canary-1b-v2": Figures({"fp16": 1865, "bf16": 1865, "int8": 1063, "fp32": 3731}, 10, 33),
}


def is_estimate(spec: ModelSpec) -> bool:
    """Whether the figures come from the number of parameters alone."""
    return spec.name not in _CANARY


def table(spec: ModelSpec) -> tuple[MemoryPlan, ...]:
    """The ways to load the model on a card, the best first."""
    figures = _CANARY.get(spec.name) or _estimate(spec)
    return tuple(
        MemoryPlan(it, figures.weights_mib[it], figures.buffer_mib, figures.activation_mib)
        for it in PRECISIONS
        if it in figures.weights_mib
    )


def _estimate(spec: ModelSpec) -> Figures:
    weights = {it: spec.parameters * each / MIB for it, each in _WHISPER_BYTES.items()}
    work_mib = _WHISPER_WORK_MIB + _WHISPER_WORK_PART * weights["fp16"]
    return Figures(weights, 0.0, work_mib)
