"""The port of a voice activity detector."""

from collections.abc import Callable
from typing import Protocol

from swictation.types import FRAME_SAMPLES, Samples, to_samples

WARM_FRAMES = to_samples(2.0) // FRAME_SAMPLES
"""What a detector hears again that takes over in mid-speech. After half a second, which is enough
after silence, it still judges 0.65 % of the next frames otherwise; after two 0.09 % (docs/vram.md).
"""


class Detector(Protocol):
    """Says of each frame how probable speech is; stateful, one stream at a time."""

    def probability(self, samples: Samples) -> float:
        """Probability of speech in `samples`: int16 (512,), the frame after the last one seen."""
        ...

    def reset(self) -> None:
        """Forget what was heard: the next frame is not the neighbour of the last."""
        ...


LoadDetector = Callable[[str, str], Detector]
"""Takes the device, "cpu" or "cuda", and the path of the model of the engine beside which the
detector is to live. Named by `EngineProvider.detector`; imports its libraries: worker only."""
