"""The engine's own table of the configuration, `[canary]`."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

GPU_ORDER = ("fp16", "int8")
"""The precisions that "auto" tries on a GPU, the best first."""


class CanarySettings(msgspec.Struct, frozen=True, kw_only=True):
    """The engine for a GPU: NVIDIA Canary through NeMo (docs/canary.md)."""

    precision: Annotated[
        Literal["auto", "fp16", "bf16", "fp32", "int8"],
        Meta(description="auto: fp16 on a GPU, int8 where that has no room; fp32 on the CPU"),
    ] = "auto"
    buffer_s: Annotated[
        float, Meta(ge=1.5, le=30.0, description="seconds of sound that each step hears")
    ] = 5.0
    policy: Annotated[
        Literal["alignatt", "wait-k"],
        Meta(description="when a word is sure: its sound is all heard, or a count of chunks"),
    ] = "alignatt"
