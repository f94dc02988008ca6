"""The port of a voice activity detector."""

from collections.abc import Callable
from typing import Protocol

from swictation.types import FRAME_SAMPLES, Samples, to_samples

WARM_FRAMES = to_samples(2.0) // FRAME_SAMPLES
"""How much a detector hears again when it takes over in mid-speech. After half a second, which is
enough after silence, it still judges 0.65 % of the next frames differently; after two seconds
0.09 % (docs/vram-tests.md).
"""


class Detector(Protocol):
    """Gives the probability of speech in each frame; stateful, one stream at a time."""

    def probability(self, samples: Samples) -> float:
        """Probability of speech in `samples`: int16 (512,), the frame after the last one seen."""
        ...

    def reset(self) -> None:
        """Forget what was heard: the next frame does not follow the last one."""
        ...


LoadDetector = Callable[[str, str], Detector]
"""Takes the device, "cpu" or "cuda", and the path of the model of the engine beside which the
detector runs. Named by `EngineProvider.detector`; imports its libraries: worker only."""
