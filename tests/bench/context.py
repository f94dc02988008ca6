"""What a benchmark is told."""

import msgspec


class Context(msgspec.Struct, frozen=True):
    model: str = "tiny.en"
    minutes: float = 60.0
    """Of looped audio, for the soak."""
    live_s: float = 120.0
    """Of sound played in real time."""
