"""Every captured sample by its absolute number, kept until the text that covers it has arrived.

One log for as long as the program runs: where a dictation (or a file) ends is a mark in it.

The last 120 s are in a ring in RAM; older ones of unsettled utterances are read back from the
spool. When both are exhausted the oldest are dropped, counted and reported. Only a live microphone
can lose sound, because a file waits while more than 60 s are unsettled.
"""

import contextlib
from collections import deque
from collections.abc import Callable
from threading import Condition, Lock

import msgspec
import numpy as np

from swictation.errors import AudioLostError
from swictation.types import SAMPLE_RATE_HZ, Samples, to_samples, to_seconds

RING_S = 120.0
UNSETTLED_LIMIT_S = 60.0

ReadBack = Callable[[int, int], Samples | None]
Span = tuple[int, int]
"""Samples from the first up to, not including, the last."""

_LOST_AT_ONCE = to_samples(0.1)
"""The resolution of what is reported as lost."""


_GAP_SAMPLES = to_samples(0.2)
"""Zeros after a dictation, for the decoder's tail: it must not reach into the next one."""


class Stretch(msgspec.Struct, frozen=True):
    """Samples that are ready to be heard, up to `end_sample`; there may be none."""

    end_sample: int
    next_sample: int
    ends_dictation: bool = False
    """Whether a dictation ends at `end_sample`; then the next one begins at `next_sample`."""


class Journal:
    """A log of samples. Thread-safe: one writer (audio), several readers."""

    def __init__(
        self,
        ring_s: float = RING_S,
        read_back: ReadBack | None = None,
        on_strain: Callable[[], None] = lambda: None,
    ) -> None:
        """Make an empty journal.

        Args:
            ring_s: how much stays in RAM.
            read_back: the spool's.
            on_strain: called on the writer's thread, once for each second of sound, while most of
                the ring is not settled: what comes next may overwrite it.
        """
        self._ring: Samples = np.zeros(to_samples(ring_s), np.int16)
        self._read_back = read_back
        self._on_strain = on_strain
        self._strained_sample = 0
        self._lock = Lock()
        self._grown = Condition(self._lock)
        self._settled = Condition(self._lock)
        """Two, so that each wakes only the thread that waits for it."""
        self._end_sample = 0
        self._ends: deque[int] = deque()
        """Where dictations end that are not fully heard: few, because a person starts them."""
        self._is_closed = False
        self._settled_sample = 0

    @property
    def end_sample(self) -> int:
        """The number of samples captured so far."""
        return self._end_sample

    @property
    def ring_start_sample(self) -> int:
        """The oldest sample still in RAM."""
        return max(0, self._end_sample - len(self._ring))

    def is_recent(self, sample: int) -> bool:
        """Whether `sample` stays in RAM for another half of the ring at least."""
        return self._end_sample - sample <= len(self._ring) // 2

    def append(self, samples: Samples) -> None:
        """Add captured samples, int16 (n,). Never waits."""
        with self._grown:
            self._put(samples)
            self._grown.notify_all()
            is_strained = self._end_sample - self._settled_sample > len(self._ring) * 3 // 4
            is_due = self._end_sample - self._strained_sample >= SAMPLE_RATE_HZ
            if is_strained and is_due:
                self._strained_sample = self._end_sample
        if is_strained and is_due:
            self._on_strain()

    def end_dictation(self) -> None:
        """The dictation ends with the last sample that was appended; zeros follow."""
        with self._grown:
            self._ends.append(self._end_sample)
            self._put(np.zeros(_GAP_SAMPLES, np.int16))
            self._tell_all()

    def close(self) -> None:
        """End all waiting."""
        with self._lock:
            self._is_closed = True
            self._tell_all()

    def next_stretch(self, sample: int, limit_samples: int) -> Stretch | None:
        """Wait for what follows `sample`: at most `limit_samples`, or a dictation's end.

        For one reader, which hears everything in order. None once the journal is closed.
        """
        with self._grown:
            self._grown.wait_for(lambda: self._is_closed or self._end_sample > sample)
            if self._is_closed:
                return None
            end = min(self._end_sample, sample + limit_samples)
            if self._ends and self._ends[0] <= end:
                end = self._ends.popleft()
                return Stretch(end, end + _GAP_SAMPLES, ends_dictation=True)
            return Stretch(end, end)

    def settle(self, sample: int) -> None:
        """Everything before `sample` is settled: its text has arrived, or it is silence."""
        with self._settled:
            self._settled_sample = max(self._settled_sample, sample)
            self._settled.notify_all()

    def wait_for_room(self, is_over: Callable[[], bool]) -> None:
        """Wait while more than UNSETTLED_LIMIT_S are unsettled, and nothing has ended."""
        limit = to_samples(UNSETTLED_LIMIT_S)
        with self._settled:
            self._settled.wait_for(
                lambda: (
                    self._end_sample - self._settled_sample <= limit or self._is_closed or is_over()
                )
            )

    def read(self, first_sample: int, last_sample: int) -> Samples:
        """Samples [first_sample, last_sample), int16; zeros after the end.

        Raises:
            AudioLostError: part of them is neither in RAM nor in the spool.
        """
        with self._lock:
            begins = self.ring_start_sample
            if first_sample >= begins:
                return self._get(first_sample, last_sample)
        until = min(last_sample, begins)
        kept = self._read_back(first_sample, until) if self._read_back else None
        if kept is None:
            span = f"{to_seconds(first_sample):.1f}-{to_seconds(until):.1f} s"
            raise AudioLostError(f"The audio at {span} is no longer kept.")
        if until == last_sample:
            return kept
        return np.concatenate([kept, self.read(until, last_sample)])

    def read_what_is_left(self, first_sample: int, last_sample: int) -> tuple[Samples, list[Span]]:
        """Like `read`, with zeros for samples that are lost; and which those are."""
        with contextlib.suppress(AudioLostError):
            return self.read(first_sample, last_sample), []
        parts: list[Samples] = []
        lost: list[Span] = []
        for at in range(first_sample, last_sample, _LOST_AT_ONCE):
            until = min(last_sample, at + _LOST_AT_ONCE)
            try:
                parts.append(self.read(at, until))
            except AudioLostError:
                parts.append(np.zeros(until - at, np.int16))
                lost.append((at, until))
        return np.concatenate(parts), lost

    def _tell_all(self) -> None:
        self._grown.notify_all()
        self._settled.notify_all()

    def _put(self, samples: Samples) -> None:
        end_sample = self._end_sample + len(samples)
        kept = samples[-len(self._ring) :]
        self._ring[np.arange(end_sample - len(kept), end_sample) % len(self._ring)] = kept
        self._end_sample = end_sample

    def _get(self, first_sample: int, last_sample: int) -> Samples:
        out = np.zeros(last_sample - first_sample, np.int16)
        count = max(0, min(last_sample, self._end_sample) - first_sample)
        at = first_sample % len(self._ring)
        head = self._ring[at : at + count]
        out[: len(head)] = head
        out[len(head) : count] = self._ring[: count - len(head)]
        return out
