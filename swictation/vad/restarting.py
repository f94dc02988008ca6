"""A detector that survives failures: it is created again until it works, and no frame is lost.

The frame on which it failed is simply judged later. So all state of the stream, an open utterance
included, continues as if nothing had happened.
"""

import logging
from collections import deque
from collections.abc import Callable
from typing import Protocol

import numpy as np

from swictation.types import FRAME_SAMPLES, Samples
from swictation.vad.detector import WARM_FRAMES, Detector

_DELAYS_S = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
"""Pauses before further attempts; the last one repeats."""
_MOST_SKIPPED = 3
"""Frames in a row that may be at fault; if there are more, it is the detector."""

_log = logging.getLogger(__name__)


class Abandoned(Exception):
    """The frame's result is no longer wanted."""


class FailureListener(Protocol):
    """Is told about failures and recovery. Called on the speech thread."""

    def failing(self, reason: str) -> None:
        """The detector does not work for now; called once."""
        ...

    def wait(self, seconds: float) -> bool:
        """Wait before the next attempt; False: make none."""
        ...

    def recovered(self) -> None:
        """The detector works again; called once."""
        ...

    def skipped(self, reason: str) -> None:
        """A working detector cannot judge one frame: it counts as silence."""
        ...


class RestartingDetector:
    """Keeps a working detector, made by `make`. One stream, one thread."""

    def __init__(self, make: Callable[[], Detector], failures: FailureListener) -> None:
        """`make`, and what it makes, may raise anything."""
        self._make = make
        self._failures = failures
        self._detector: Detector | None = None
        self._recent: deque[Samples] = deque(maxlen=WARM_FRAMES)
        self._attempts = 0
        self._skipped = 0

    def probability(self, samples: Samples) -> float:
        """See `Detector.probability`; it may take any time.

        Raises:
            Abandoned: `FailureListener.wait` said so.
        """
        detector = self._detector or self._renew()
        try:
            found = detector.probability(samples)
        except Exception as error:  # noqa: BLE001 - whatever it is, a new one may work
            _log.warning("the detector failed (%r) and is created again", error)
            found = self._judge_again(samples)
        else:
            self._is_well()
        if found is None:
            found, samples = 0.0, np.zeros(FRAME_SAMPLES, np.int16)
        self._recent.append(samples)
        return found

    def reset(self) -> None:
        """See `Detector.reset`."""
        self._recent.clear()
        try:
            if self._detector:
                self._detector.reset()
        except Exception as error:  # noqa: BLE001 - a new one has heard nothing either
            _log.warning("the detector failed (%r) and is created again", error)
            self._detector = None

    def _judge_again(self, samples: Samples) -> float | None:
        """Judge with a new detector that works; None: the frame is at fault."""
        while True:
            detector = self._renew()
            try:
                found = detector.probability(samples)
            except Exception as error:  # noqa: BLE001 - as above
                self._detector = None
                if self._skipped < _MOST_SKIPPED:
                    self._skipped += 1
                    self._failures.skipped(repr(error))
                    return None
                self._wait(error)
            else:
                self._is_well()
                return found

    def _renew(self) -> Detector:
        """A new one that has heard the last sound; waits until one works."""
        while True:
            try:
                self._detector = self._made()
            except Exception as error:  # noqa: BLE001 - as above
                self._wait(error)
            else:
                return self._detector

    def _made(self) -> Detector:
        """Make one and let it hear the recent sound; after a failure the next one hears none."""
        fresh = self._make()
        fresh.probability(np.zeros(FRAME_SAMPLES, np.int16))
        fresh.reset()
        heard = list(self._recent)
        self._recent.clear()
        for samples in heard:
            fresh.probability(samples)
            self._recent.append(samples)
        return fresh

    def _wait(self, error: Exception) -> None:
        if not self._attempts:
            self._failures.failing(repr(error))
        delay_s = _DELAYS_S[min(self._attempts, len(_DELAYS_S) - 1)]
        self._attempts += 1
        if not self._failures.wait(delay_s):
            raise Abandoned

    def _is_well(self) -> None:
        self._skipped = 0
        if self._attempts:
            self._attempts = 0
            self._failures.recovered()
