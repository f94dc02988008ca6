"""Cuts the journal's samples into the detector's frames."""

import numpy as np

from swictation.types import FRAME_SAMPLES, Frame, Samples


class Framer:
    """Takes blocks of any length, gives frames of exactly FRAME_SAMPLES with absolute numbers."""

    def __init__(self, first_sample: int = 0) -> None:
        self._first_sample = first_sample
        self._rest: Samples = np.empty(0, np.int16)

    def feed(self, samples: Samples) -> list[Frame]:
        """The frames completed by `samples`: int16 (n,), any n."""
        held = np.concatenate((self._rest, samples))
        whole = len(held) - len(held) % FRAME_SAMPLES
        self._rest = held[whole:]
        first = self._first_sample
        self._first_sample += whole
        return [
            Frame(first + at, held[at : at + FRAME_SAMPLES])
            for at in range(0, whole, FRAME_SAMPLES)
        ]

    def flush(self) -> list[Frame]:
        """The rest, padded with zeros to a whole frame; nothing if there is no rest."""
        if not len(self._rest):
            return []
        return self.feed(np.zeros(FRAME_SAMPLES - len(self._rest), np.int16))
