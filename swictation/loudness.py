"""How loud a sound is, and where it is quietest: there it may be cut. Pure."""

from math import log10
from typing import Any

import numpy as np
import numpy.typing as npt

from swictation.types import Samples, to_samples

QUIET_SAMPLES = to_samples(0.15)
"""A moment that is long enough to hold no sound of speech."""
_SILENT_DB = -100.0

Energy = npt.NDArray[np.float64]


def level_dbfs(samples: Samples) -> float:
    """RMS level of int16 samples in dB below full scale; -100 for digital silence."""
    heard = samples.astype(np.float64)
    power = float(heard @ heard) / len(heard) / 32768.0**2  # squares of whole numbers: exact
    return max(_SILENT_DB, 10.0 * log10(power)) if power > 0.0 else _SILENT_DB


def energy_before(sound: npt.NDArray[Any]) -> Energy:
    """The energy before each sample, and of the whole: one number more than there are samples."""
    return np.concatenate(([0.0], np.cumsum(np.square(sound, dtype=np.float64))))


def quietest(energy: Energy, width: int = QUIET_SAMPLES) -> int:
    """The middle of the quietest `width` samples of a sound, of which this is `energy_before`."""
    return int(np.argmin(energy[width:] - energy[: len(energy) - width])) + width // 2
