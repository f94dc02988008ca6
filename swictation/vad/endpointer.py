"""From speech probabilities to decision points. Pure: a function of the samples alone.

The points, counted in samples of silence after the last speech frame: k1 (0.2 s) decode, k2
(0.3 s) commit what is sure, k3 (the hang-over) commit all and end; the cap; a flush. They do
not depend on the worker's speed, so the same audio always gives the same utterances: docs/adr/0007.
"""

from collections import deque

import msgspec
import numpy as np

from swictation.config.settings import VadSettings
from swictation.loudness import energy_before, quietest
from swictation.types import (
    FRAME_SAMPLES,
    EndReason,
    Frame,
    Point,
    Samples,
    SilenceConfirmed,
    SilenceNoticed,
    SpeechEnded,
    SpeechResumed,
    SpeechStarted,
    to_samples,
)

_RELEASE_PART = 0.7
"""Of the threshold: a frame below it is silence. Lower, since a word may fade."""
_CUT_SEARCH_PART = 0.4
"""... and at most this part of the cap, or a low cap would cut in the pre-roll's silence."""
_CUT_GUARD = to_samples(0.2)
_CUT_LEAST = to_samples(0.4)


class _Open(msgspec.Struct):
    """The open utterance."""

    number: int
    first_sample: int
    speech_end: int
    pause_end: int
    """End of the speech before the last confirmed pause, at first the utterance's start."""
    noticed: bool = False
    confirmed: bool = False


class Endpointer:
    """Finds utterances in a stream of frames and their probabilities."""

    def __init__(self, settings: VadSettings, first_sample: int = 0, first_number: int = 0) -> None:
        """Begin at `first_sample` of the log, with utterance `first_number`."""
        self._settings = settings
        self._hang_over = _whole_frames(settings.hang_over_s)
        self._tail = to_samples(settings.tail_s)
        self._cap = to_samples(settings.max_utterance_s)
        self._notice = to_samples(settings.decode_after_s)
        self._confirm = _whole_frames(settings.commit_after_s)
        search_s = min(settings.cut_search_s, _CUT_SEARCH_PART * settings.max_utterance_s)
        self._cut_search = to_samples(search_s)
        frames = -(-(self._cut_search + _CUT_GUARD) // FRAME_SAMPLES)
        self._recent: deque[Samples] = deque(maxlen=frames)
        self._open: _Open | None = None
        self._onset_frames = 0
        self._next_number = first_number
        self._free_from = first_sample
        """Everything before this sample belongs to another dictation, or to an ended utterance."""
        self._heard_to = first_sample

    @property
    def next_number(self) -> int:
        """The number that the next utterance gets."""
        return self._next_number

    @property
    def is_busy(self) -> bool:
        """Whether an utterance is open or may be about to begin."""
        return self._open is not None or self._onset_frames > 0

    def feed(self, frame: Frame, probability: float) -> list[Point]:
        """The points that `frame` adds; frames come in order and without gaps while busy."""
        self._recent.append(frame.samples)
        self._heard_to = frame.end_sample
        if self._open is None:
            return self._await_onset(frame, probability)
        if probability >= _RELEASE_PART * self._settings.threshold:
            return self._on_speech(self._open, frame)
        return self._on_silence(self._open, frame)

    def flush(self, end_sample: int) -> list[Point]:
        """End of the stream, or a stop: the open utterance ends here, its tail decoded."""
        self._onset_frames = 0
        if self._open is None:
            return []
        now = max(end_sample, self._heard_to)  # the last frame may be padded
        return [self._end(self._open, now, self._open.speech_end + self._tail, "flush")]

    def _await_onset(self, frame: Frame, probability: float) -> list[Point]:
        if probability < self._settings.threshold:
            self._onset_frames = 0
            return []
        self._onset_frames += 1
        if self._onset_frames < self._settings.min_speech_frames:
            return []
        onset = frame.end_sample - self._onset_frames * FRAME_SAMPLES
        self._onset_frames = 0
        decoded = max(onset - to_samples(self._settings.decode_pre_roll_s), self._free_from)
        kept = max(onset - to_samples(self._settings.pre_roll_s), self._free_from)
        return [self._begin(frame.end_sample, kept, decoded, frame.end_sample, continues=False)]

    def _begin(
        self, at_sample: int, kept: int, first: int, speech_end: int, *, continues: bool
    ) -> SpeechStarted:
        number = self._next_number
        self._next_number += 1
        self._open = _Open(number, first, speech_end, pause_end=first)
        return SpeechStarted(number, at_sample, kept, first, continues)

    def _end(self, utterance: _Open, at_sample: int, last: int, reason: EndReason) -> SpeechEnded:
        self._open = None
        self._free_from = min(last, at_sample)
        return SpeechEnded(utterance.number, at_sample, last, reason)

    def _on_speech(self, utterance: _Open, frame: Frame) -> list[Point]:
        points: list[Point] = []
        if utterance.noticed:
            points.append(SpeechResumed(utterance.number, frame.end_sample))
        utterance.noticed = utterance.confirmed = False
        utterance.speech_end = frame.end_sample
        if frame.end_sample - utterance.first_sample >= self._cap:
            points += self._cut(utterance, frame.end_sample)
        return points

    def _on_silence(self, utterance: _Open, frame: Frame) -> list[Point]:
        points: list[Point] = []
        number, now = utterance.number, frame.end_sample
        silence = now - utterance.speech_end
        last = utterance.speech_end + self._tail
        if silence >= self._notice and not utterance.noticed:
            utterance.noticed = True
            points.append(SilenceNoticed(number, now, last))
        if silence >= self._confirm and not utterance.confirmed:
            utterance.confirmed = True
            utterance.pause_end = utterance.speech_end
            points.append(SilenceConfirmed(number, now))
        if silence >= self._hang_over:
            points.append(self._end(utterance, now, last, "silence"))
        elif not utterance.noticed and now - utterance.first_sample >= self._cap:
            points += self._cut(utterance, now)
        return points

    def _cut(self, utterance: _Open, now: int) -> list[Point]:
        """The cap: cut at the quietest moment of the last 8 s, never before the last pause."""
        cut = self._quietest(utterance, now)
        ended = self._end(utterance, now, cut, "cap")
        started = self._begin(now, cut, cut, utterance.speech_end, continues=True)
        return [ended, started]

    def _quietest(self, utterance: _Open, now: int) -> int:
        low, high = max(utterance.pause_end, now - self._cut_search), now - _CUT_GUARD
        if high - low < _CUT_LEAST:
            return utterance.pause_end
        recent = np.concatenate(self._recent)
        heard = recent[len(recent) - (now - low) : len(recent) - (now - high)]
        return low + quietest(energy_before(heard))


def _whole_frames(seconds: float) -> int:
    """The nearest whole number of frames, in samples: silence has no finer resolution."""
    return round(to_samples(seconds) / FRAME_SAMPLES) * FRAME_SAMPLES
