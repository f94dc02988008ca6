"""Automatic gain control before the detector: very quiet speakers are raised, others left alone.

Silero hears little below -50 dBFS, and hears whispers better soft than loud. So only sound below a
low target is raised, and no frame that is loud enough is changed (tests/bench/level.py).
"""

import numpy as np

from swictation.loudness import level_dbfs
from swictation.types import FRAME_SAMPLES, SAMPLE_RATE_HZ, Samples

_FRAME_S = FRAME_SAMPLES / SAMPLE_RATE_HZ
_FULL_SCALE = 32767


class AutomaticGainControl:
    """A gain for one stream of frames; a function of its samples alone.

    It holds the loudest recent level. The gain drops at once when somebody is louder, and rises
    slowly as the held level decays. At first it does nothing.
    """

    def __init__(
        self, *, target_db: float = -38.0, most_db: float = 30.0, decay_db_per_s: float = 3.0
    ) -> None:
        self._target_db = target_db
        self._most_db = most_db
        self._decay_db = decay_db_per_s * _FRAME_S
        self._held_db = target_db

    def apply(self, samples: Samples) -> Samples:
        """The next frame, int16 (512,), raised if quiet; the same array if not."""
        self._held_db = max(level_dbfs(samples), self._held_db - self._decay_db)
        gain_db = min(self._target_db - self._held_db, self._most_db)
        if gain_db <= 0.0:
            return samples
        raised = samples.astype(np.float64) * 10.0 ** (gain_db / 20.0)
        return np.clip(np.rint(raised), -_FULL_SCALE - 1, _FULL_SCALE).astype(np.int16)
