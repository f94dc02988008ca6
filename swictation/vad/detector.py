"""The port of a voice activity detector."""

from typing import Protocol

from swictation.types import FRAME_SAMPLES, Samples, to_samples

WARM_FRAMES = to_samples(0.5) // FRAME_SAMPLES
"""What a detector hears again that takes over, or that slept: half a second."""


class Detector(Protocol):
    """Says of each frame how probable speech is; stateful, one stream at a time."""

    def probability(self, samples: Samples) -> float:
        """Probability of speech in `samples`: int16 (512,), the frame after the last one seen."""
        ...

    def reset(self) -> None:
        """Forget what was heard: the next frame is not the neighbour of the last."""
        ...
