"""One utterance in the spool: what it should look like on disk, and how to get there."""

import contextlib
import logging
import math
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from pathlib import Path

import numpy as np

from swictation.audio.journal import Journal
from swictation.audio.spoolfile import SpoolFile
from swictation.backoff import Backoff
from swictation.errors import AudioLostError
from swictation.types import to_samples

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 10.0
"""Pauses between attempts after the disk refused."""
SYNC_EVERY_S = 1.0
"""How much written sound a power cut may lose (docs/adr/0021)."""
_BEHIND_S = 0.25
_LOOK_EVERY_S = 5.0
"""How often to check that finished files are still there."""
_AT_ONCE = to_samples(10.0)

_log = logging.getLogger(__name__)


class SpoolEntry:
    """A wanted state: any thread changes it under the spool's lock, the spool thread applies it."""

    def __init__(
        self,
        folder: Path,
        name: str,
        first_sample: int,
        captured: Callable[[], int] | None = None,
    ) -> None:
        """`captured`: for sound that no detector has heard, where it ends now."""
        self._name = name
        self.first_sample = first_sample
        self.captured = captured
        self.last_sample: int | None = None
        self.lines: list[bytes] = []
        """All of them: they are written again if somebody removed the file."""
        self.waiting: list[Future[None]] = []
        """Done at the next attempt, whatever its result."""
        self.is_settled = False
        self.is_quarantined = False
        """Whether the user was told where its sound is."""
        # Used on the spool thread:
        self.file = SpoolFile(folder, name)
        self.is_finished = False
        self.is_dropped = False
        """It has no sound on disk and gets none: there was no room, or it is lost."""
        self.trouble = ""
        """Why it is not on disk as it should be."""
        self.backoff = Backoff(FIRST_PAUSE_S, LONGEST_PAUSE_S)
        self._synced_s = 0.0

    @property
    def written_sample(self) -> int:
        """The end of its sound on disk."""
        return self.first_sample + self.file.samples

    @property
    def is_growing(self) -> bool:
        """Whether there is sound to write from time to time."""
        return self.last_sample is None and not self.is_dropped

    @property
    def has_work(self) -> bool:
        """Whether there is something to do at once."""
        is_ended = self.last_sample is not None and not self.is_finished and not self.is_dropped
        has_lines = not self.is_dropped and self.file.lines_written < len(self.lines)
        return bool(self.is_settled or self.waiting or is_ended or has_lines)

    def pause_s(self, now_s: float, served_s: float, is_refused: bool) -> float:
        """How long there is nothing to do, if nothing changes; it was last served at `served_s`.

        `is_refused`: the folder cannot be made, so deleting is all that can be done.
        """
        if self.waiting:
            return 0.0
        if self.trouble:
            return self.backoff.until_s - now_s
        if self.has_work and (self.is_settled or not is_refused):
            return 0.0
        if is_refused:
            return math.inf
        return served_s + (_BEHIND_S if self.is_growing else _LOOK_EVERY_S) - now_s

    def holds(self, first_sample: int, last_sample: int) -> bool:
        """Whether all of this that belongs to it is on disk."""
        end = last_sample if self.last_sample is None else min(last_sample, self.last_sample)
        begins_here = self.first_sample <= first_sample < self.written_sample
        return begins_here and self.written_sample >= end

    @property
    def is_taken(self) -> bool:
        """Whether its sound was on disk for the user, who has taken it."""
        return self.is_quarantined and self.is_finished and self.file.is_gone

    def fulfil(
        self, journal: Journal, heard: Callable[[], int], lines: list[bytes], now_s: float
    ) -> bool:
        """Write what is missing, of sound the part that is heard; return whether sound was written.

        Raises:
            OSError: the disk refuses it. It may be called again later.
        """
        self.file.write_lines(lines)
        written, end = self.file.samples, self.last_sample  # requested later: for the next round
        self._write_sound(journal, (self.captured or heard)() if end is None else end)
        if end is not None and not self.is_finished:
            # The end is known only after some silence: cut what was written beyond it.
            self.file.finish(end - self.first_sample)
            self.is_finished = True
        elif now_s - self._synced_s >= SYNC_EVERY_S:
            self._synced_s = now_s
            self.file.sync()
        return self.file.samples > written

    def end(self, last_sample: int) -> None:
        """Nothing at or after `last_sample` belongs to it."""
        self.last_sample = last_sample

    def settle(self) -> None:
        """Have its files deleted."""
        self.is_settled = True

    def keep_for_user(self) -> bool:
        """Keep its sound for the user; return whether there is any."""
        self.is_quarantined = not self.is_dropped
        return self.is_quarantined

    def forget_user(self) -> None:
        """Note that the user was told that its sound is gone."""
        self.is_quarantined = False

    def take_waiting(self) -> list[Future[None]]:
        """Take those that wait for the next attempt; the caller has to answer them."""
        waiting, self.waiting = self.waiting, []
        return waiting

    def failed(self, reason: str) -> None:
        """Note why it is not on disk as it should be."""
        self.trouble = reason

    def recovered(self) -> bool:
        """Note that it is as it should be; return whether it was not before."""
        was_refused, self.trouble = bool(self.trouble), ""
        return was_refused

    def move_to(self, folder: Path) -> None:
        """Change the folder, which may be known only now: a free name can be taken meanwhile."""
        if not self.file.samples and not self.file.lines_written:
            self.file.close()
            self.file = SpoolFile(folder, self._name)

    def begin_again(self, folder: Path, journal: Journal) -> None:
        """Write again what RAM still has: somebody has removed or cut its files."""
        self.file.close()
        self.file = SpoolFile(folder, self._name)
        self.is_finished = False
        self.first_sample = max(self.first_sample, journal.ring_start_sample)
        if self.last_sample is not None and self.first_sample >= self.last_sample:
            self.drop()

    def drop(self) -> None:
        """Give up: its sound is not on disk, and will not be."""
        self.is_dropped = True
        self.file.drop()

    def close(self) -> None:
        """Write the current length into a file that is still growing."""
        with contextlib.suppress(OSError):
            self.file.finish()
        self.file.close()

    def _write_sound(self, journal: Journal, upto: int) -> None:
        """Leave out what RAM has lost at the beginning; write silence for later gaps."""
        while (first := self.written_sample) < upto:
            last = min(upto, first + _AT_ONCE)
            try:
                self.file.write(journal.read(first, last))
                continue
            except AudioLostError:
                gone = max(0, min(last, journal.ring_start_sample) - first)
            if gone:  # else it was overwritten while it was read: try again
                _log.warning("the spool fell behind the ring: %d samples are missing in it", gone)
            if self.file.samples:
                self.file.write(np.zeros(gone, np.int16))
            else:
                self.first_sample += gone


def answer(waiting: Iterable[Future[None]]) -> None:
    """Release its waiters, if there are any."""
    for written in waiting:
        if written.set_running_or_notify_cancel():
            written.set_result(None)


def beyond(most_samples: int, entries: Iterable[SpoolEntry]) -> Iterator[SpoolEntry]:
    """Choose what to drop so that no more is kept: the oldest first, quarantined ones last."""
    finished = [kept for kept in entries if kept.is_finished and not kept.is_dropped]
    finished.sort(key=lambda kept: kept.is_quarantined)
    excess = sum(kept.file.samples for kept in finished) - most_samples
    for kept in finished:
        if excess <= 0 or kept.trouble:
            return
        excess -= kept.file.samples
        yield kept
