"""The figures of a simulation."""

import msgspec

from swictation.gpu.effects import (
    Effect,
    LevelChanged,
    LoadGpu,
    Order,
    PlaceDetector,
    StopGpu,
)
from swictation.types import Placement

_COUNTED: dict[type[Effect], str] = {
    LevelChanged: "level_changes",
    LoadGpu: "loads",
    StopGpu: "stops",
    PlaceDetector: "detector_moves",
}
_SERVED_BY: dict[Placement | None, str] = {"gpu": "on_gpu_s", "cpu": "on_cpu_s", None: "on_hold_s"}


class Tally(msgspec.Struct):
    """Counts and seconds."""

    simulated_s: float = 0.0
    utterances: int = 0
    said_s: float = 0.0
    gpu_utterances: int = 0
    cpu_utterances: int = 0
    pieces: int = 0
    """Utterances that went to the GPU in pieces."""
    lost_s: float = 0.0
    """Sound that has no text and does not wait for any."""
    waiting_s: float = 0.0
    """Sound that still waited for its text at the end."""
    ooms: int = 0
    level_changes: int = 0
    loads: int = 0
    stops: int = 0
    detector_moves: int = 0
    trims: int = 0
    others_short_s: float = 0.0
    """Seconds in which other programs wanted more than there was."""
    on_gpu_s: float = 0.0
    """Seconds of dictation in which requests went to the GPU."""
    on_cpu_s: float = 0.0
    on_hold_s: float = 0.0
    decisions: int = 0

    def add(self, **amounts: float) -> None:
        """Add to each figure by name."""
        for name, amount in amounts.items():
            setattr(self, name, getattr(self, name) + amount)

    def take(self, effects: list[Effect]) -> None:
        """Count decisions."""
        for effect in effects:
            self.add(decisions=1, trims=effect == Order("trim"))
            if name := _COUNTED.get(type(effect)):
                self.add(**{name: 1})

    def passed(
        self, seconds: float, placement: Placement | None, *, is_short: bool, is_on: bool
    ) -> None:
        """Count time that has passed in this state."""
        self.simulated_s += seconds
        if is_short:
            self.others_short_s += seconds
        if is_on:
            self.add(**{_SERVED_BY[placement]: seconds})
