"""Gate, gain control, detector and endpointer in a row: frames in, decision points out."""

from collections import deque

from swictation.types import FRAME_SAMPLES, Frame, Point, Samples, to_samples
from swictation.vad.detector import Detector
from swictation.vad.endpointer import Endpointer
from swictation.vad.gate import EnergyGate
from swictation.vad.level import AutomaticGainControl

_WARM_FRAMES = to_samples(0.5) // FRAME_SAMPLES


class SpeechSegmenter:
    """Finds the speech in one dictation. Called on the speech thread only."""

    def __init__(
        self,
        detector: Detector,
        endpointer: Endpointer,
        gate: EnergyGate | None = None,
        gain_control: AutomaticGainControl | None = None,
    ) -> None:
        self._detector = detector
        self._endpointer = endpointer
        self._gate = gate
        self._gain_control = gain_control
        self._unheard: deque[tuple[Frame, Samples]] = deque(maxlen=_WARM_FRAMES)
        self.last_probability = 0.0
        """For the last frame that the detector heard; 0 while the gate is closed."""

    @property
    def next_utterance(self) -> int:
        """The number that the next utterance gets."""
        return self._endpointer.next_number

    def feed(self, frame: Frame) -> list[Point]:
        """The points that the next frame adds."""
        is_open = self._gate is None or self._gate.is_open(frame.samples)
        levelled = self._gain_control.apply(frame.samples) if self._gain_control else frame.samples
        if not is_open and not self._endpointer.is_busy:
            self._unheard.append((frame, levelled))
            self.last_probability = 0.0
            return []
        return self._wake() + self._hear(frame, levelled)

    def flush(self, end_sample: int) -> list[Point]:
        """The stream ends at `end_sample`."""
        return self._endpointer.flush(end_sample)

    def _wake(self) -> list[Point]:
        """The gate opened: let the detector hear the half second it slept through."""
        if not self._unheard:
            return []
        self._detector.reset()
        points = [point for unheard in self._unheard for point in self._hear(*unheard)]
        self._unheard.clear()
        return points

    def _hear(self, frame: Frame, levelled: Samples) -> list[Point]:
        self.last_probability = self._detector.probability(levelled)
        return self._endpointer.feed(frame, self.last_probability)
