"""The spool thread: sound of unsettled utterances, written behind to disk by at most 0.5 s.

It has no queue but a wanted state: what each utterance should look like on disk. The thread makes
it so. Its memory is therefore bounded by the unsettled utterances, and an utterance that is settled
before its turn never touches the disk.

If the disk refuses, or somebody removes a file, it is tried again, with pauses that grow to 10 s,
until the disk is as it should be (docs/adr/0021).
"""

import errno
import logging
import math
import os
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from threading import Condition, Thread

import msgspec
import numpy as np

from swictation.audio.journal import Journal
from swictation.audio.spoolentry import (
    FIRST_PAUSE_S,
    LONGEST_PAUSE_S,
    SpoolEntry,
    answer,
    beyond,
)
from swictation.audio.spoolfile import SpoolFolder, read_samples
from swictation.backoff import Backoff
from swictation.clock import MonotonicClock
from swictation.events import Event, SoundGone, SpoolFailed, SpoolRecovered, ThreadFailed
from swictation.types import Samples, to_samples

_STOP_S = 2.0
"""For the last writes, to a disk that may not answer."""

_log = logging.getLogger(__name__)


class Spool:
    """Keeps one stream's utterances. Thread-safe; disk errors never raise and never lose.

    Drop rule: above `max_minutes` the oldest finished utterance's files go first.
    """

    def __init__(
        self,
        folder: SpoolFolder,
        stream: int,
        max_minutes: float,
        post: Callable[[Event], None],
    ) -> None:
        """`post` is called with what happens to the sound, on the spool's thread."""
        self._folder = folder
        self._stream = stream
        self._max_samples = to_samples(max_minutes * 60.0)
        self._post = post
        self._clock = MonotonicClock()
        self._changed = Condition()
        self._kept: dict[int, SpoolEntry] = {}
        self._unheard = 0
        self._is_stopping = False
        self._problem = self._folder_trouble = ""
        self._is_proven = True
        """Whether sound was written since the disk last refused something."""
        self._backoff = Backoff(FIRST_PAUSE_S, LONGEST_PAUSE_S)
        """For the folder, and for testing the disk while there is nothing to write."""
        self._served_s = 0.0
        self._thread = Thread(target=self._run, name="spool", daemon=True)

    def start(self, journal: Journal, heard: Callable[[], int]) -> None:
        """Start the thread.

        `heard()` is the sample before which everything has been searched for speech: later sound
        may not belong to the open utterance.
        """
        self._journal, self._heard = journal, heard
        self._thread.start()

    def stop(self) -> None:
        """Write what is missing and end the thread. Unsettled utterances stay on disk."""
        with self._changed:
            self._is_stopping = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(_STOP_S)

    def begin(self, utterance: int, first_sample: int) -> None:
        """Keep `utterance` from `first_sample` on."""
        self._keep(utterance, f"{utterance:06d}", first_sample)

    def keep_unheard(self, first_sample: int) -> None:
        """Keep all sound from `first_sample` on: no detector hears it now.

        Drop rule: it does not grow beyond `max_minutes`; further sound is in RAM alone.
        """
        with self._changed:
            if self._unheard_entries:
                return
            self._unheard += 1
        end = first_sample + self._max_samples
        name = f"unheard-{self._unheard}"
        self._keep(-self._unheard, name, first_sample, lambda: min(self._journal.end_sample, end))

    def settle_unheard(self) -> None:
        """Delete it, because it has been heard: the part to keep has begun as an utterance."""
        with self._changed:
            for kept in self._unheard_entries:
                kept.settle()
                self._changed.notify_all()

    def end(self, utterance: int, last_sample: int) -> None:
        """Nothing at or after `last_sample` belongs to `utterance`."""
        with self._changed:
            self._kept[utterance].end(last_sample)
            self._changed.notify_all()

    def note(self, utterance: int, kind: str, **fields: object) -> Future[None]:
        """Write a line `{kind: fields}` for `utterance`; done once the kernel has it.

        While the disk refuses, it is done at once: the line is written later, in its order.
        """
        written: Future[None] = Future()
        with self._changed:
            kept = self._kept.get(utterance)
            if kept and not kept.is_settled:
                kept.lines.append(msgspec.json.encode({kind: fields}) + b"\n")
            if kept is None or self._is_refused(kept) or not self._thread.is_alive():
                written.set_result(None)
            else:
                kept.waiting.append(written)
                self._changed.notify_all()
        return written

    def settle(self, utterance: int) -> None:
        """Delete its files, if they are still there: its text has arrived, or was cancelled."""
        with self._changed:
            if kept := self._kept.get(utterance):
                kept.settle()
                kept.backoff.cut_short()
                self._changed.notify_all()

    def quarantine(self, utterance: int) -> Path | None:
        """Keep its sound for the user; return its path, None if it is not on disk."""
        with self._changed:
            kept = self._kept.get(utterance)
            if kept is None:
                return None
            is_kept = kept.keep_for_user() and not self._is_refused(kept)
            return kept.file.sound if is_kept else None

    def span(self, utterance: int) -> tuple[int, int]:
        """The samples of it on disk, from the first to the one after the last."""
        with self._changed:
            kept = self._kept.get(utterance)
            return (kept.first_sample, kept.written_sample) if kept else (0, 0)

    @property
    def unheard_span(self) -> tuple[int, int]:
        """The same for sound that no detector has heard."""
        unheard = self._unheard_entries
        return (unheard[-1].first_sample, unheard[-1].written_sample) if unheard else (0, 0)

    def read_back(self, first_sample: int, last_sample: int) -> Samples | None:
        """Samples of one utterance from disk, or None if they are not all there."""
        with self._changed:
            # The newest: a file grows until the end is known; by then the next may have begun.
            holding = [k for k in self._kept.values() if k.holds(first_sample, last_sample)]
            kept = max(holding, key=lambda k: k.first_sample, default=None)
            if kept is None:
                return None
            path, begins = kept.file.sound, kept.first_sample
            count = min(last_sample, kept.written_sample) - first_sample
        sound = read_samples(path, first_sample - begins, count)
        if sound is None or kept.first_sample != begins:  # it was begun again meanwhile
            return None
        out = np.zeros(last_sample - first_sample, np.int16)
        out[:count] = sound
        return out

    def _keep(
        self,
        number: int,
        name: str,
        first_sample: int,
        captured: Callable[[], int] | None = None,
    ) -> None:
        name = f"{self._stream:03d}-{name}"
        with self._changed:
            self._kept[number] = SpoolEntry(self._folder.path, name, first_sample, captured)
            self._changed.notify_all()

    @property
    def _entries(self) -> list[SpoolEntry]:
        with self._changed:
            return list(self._kept.values())

    @property
    def _unheard_entries(self) -> list[SpoolEntry]:
        return [kept for kept in self._entries if kept.captured and not kept.is_settled]

    def _is_refused(self, kept: SpoolEntry) -> bool:
        return bool(kept.trouble or self._folder_trouble)

    # --- the thread --------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._work()
        except Exception as failure:  # noqa: BLE001 - the run loop must hear what ends it
            self._post(ThreadFailed("spool", type(failure).__name__))
            for kept in self._entries:
                answer(kept.waiting)

    def _work(self) -> None:
        self._secure_folder()
        is_last_round = False
        while not is_last_round:
            self._tell()
            with self._changed:
                self._wait()
                is_last_round = self._is_stopping
                if is_last_round:
                    self._hurry()
                work = [(number, kept, kept.is_settled) for number, kept in self._kept.items()]
            if work or self._problem:
                self._secure_folder()
            # Delete settled ones last: another may still have to be copied from them.
            for number, kept, is_settled in sorted(work, key=lambda one: one[2]):
                self._serve(number, kept, is_settled)
            self._prove()
            self._bound()
            self._tell_gone()
        for kept in self._entries:
            kept.close()

    def _wait(self) -> None:
        """Wait until there is something to do."""
        while (pause_s := self._pause_s()) > 0.0:
            self._changed.wait(None if math.isinf(pause_s) else pause_s)
        self._served_s = self._clock.now_s()

    def _pause_s(self) -> float:
        """How long there is nothing to do, if nothing changes."""
        now_s, refused = self._clock.now_s(), bool(self._folder_trouble)
        if self._is_stopping:
            return 0.0
        pauses_s = [k.pause_s(now_s, self._served_s, refused) for k in self._kept.values()]
        if refused or self._needs_proof:
            pauses_s.append(self._backoff.until_s - now_s)
        return min(pauses_s, default=math.inf)

    def _secure_folder(self) -> None:
        now_s = self._clock.now_s()
        if self._folder_trouble and not self._backoff.is_over(now_s):
            return
        try:
            self._folder.secure()
        except OSError as error:
            self._refused(error, self._backoff)
            self._folder_trouble = _reason(error)
        else:
            if self._folder_trouble:
                self._folder_trouble = ""
                self._hurry()

    def _serve(self, number: int, kept: SpoolEntry, is_settled: bool) -> None:
        """`is_settled`: when the round began; if it is only later, the next one deletes."""
        with self._changed:
            waiting = kept.take_waiting()
            lines = list(kept.lines)
        try:
            if is_settled:
                self._delete(number, kept)
            elif kept.is_dropped:
                kept.recovered()  # there is nothing left to try
            elif not self._folder_trouble and kept.backoff.is_over(self._clock.now_s()):
                self._fulfil(kept, lines)
        finally:
            answer(waiting)

    def _fulfil(self, kept: SpoolEntry, lines: list[bytes]) -> None:
        try:
            self._look(kept)
            if kept.is_dropped:
                return
            now_s = self._clock.now_s()
            self._is_proven |= kept.fulfil(self._journal, self._heard, lines, now_s)
        except OSError as error:
            self._refused(error, kept.backoff)
            kept.failed(_reason(error))
        else:
            if kept.recovered():
                kept.backoff.succeeded()
                self._hurry()

    def _look(self, kept: SpoolEntry) -> None:
        """Raises OSError if its files have changed."""
        if kept.file.sound.parent != self._folder.path:
            kept.move_to(self._folder.path)
        if kept.is_taken:
            with self._changed:
                kept.drop()
        elif not kept.file.is_whole:
            with self._changed:
                kept.begin_again(self._folder.path, self._journal)
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))

    def _tell_gone(self) -> None:
        """Report once that a quarantined sound is no longer on disk: it was taken, or dropped."""
        with self._changed:
            gone = [(n, k) for n, k in self._kept.items() if k.is_quarantined and k.is_dropped]
        for number, kept in gone:
            kept.forget_user()
            self._post(SoundGone(number))

    def _delete(self, number: int, kept: SpoolEntry) -> None:
        """Delete; a failure is tried again, and does not affect others."""
        if not kept.backoff.is_over(self._clock.now_s()):
            return
        try:
            kept.file.delete()
        except OSError as error:
            if not kept.trouble:
                _log.warning("%s cannot be deleted: %s", kept.file.sound, _reason(error))
            kept.failed(_reason(error))
            kept.backoff.failed(self._clock.now_s())
        else:
            with self._changed:
                self._kept.pop(number, None)
            if self._problem:
                self._hurry()  # there is room now

    def _refused(self, error: OSError, backoff: Backoff) -> None:
        _log.debug("the spool: %s", error)
        self._is_proven = False
        backoff.failed(self._clock.now_s())

    def _hurry(self) -> None:
        """Try all that was refused again: something works."""
        for kept in self._entries:
            kept.backoff.cut_short()
        self._backoff.cut_short()

    def _prove(self) -> None:
        """Test the disk, if no write has shown whether it works."""
        if not self._needs_proof or not self._backoff.is_over(self._clock.now_s()):
            return
        try:
            self._folder.probe()
        except OSError as error:
            self._refused(error, self._backoff)
        else:
            self._is_proven = True
            self._backoff.succeeded()
            self._hurry()

    def _tell(self) -> None:
        """Report once that it fails, and once that all is on disk again."""
        trouble = self.trouble
        if trouble and not self._problem:
            self._problem = trouble
            self._post(SpoolFailed(f"{self._folder.path.parent}: {trouble}"))
        elif self._problem and not trouble and self._is_proven:
            self._problem = ""
            self._post(SpoolRecovered())

    @property
    def trouble(self) -> str:
        """Why something is not on disk now, or ""."""
        unsettled = (kept.trouble for kept in self._entries if not kept.is_settled)
        return self._folder_trouble or next(filter(None, unsettled), "")

    @property
    def _needs_proof(self) -> bool:
        """Whether nothing seems wrong any more, but no write has confirmed it."""
        return bool(self._problem) and not self._is_proven and not self.trouble

    def _bound(self) -> None:
        for kept in beyond(self._max_samples, self._entries):
            with self._changed:
                kept.drop()
            try:
                kept.file.delete()
            except OSError as error:
                _log.warning("%s cannot be deleted: %s", kept.file.sound, _reason(error))
            _log.warning("the spool is full ([spool] max_minutes): the oldest audio was dropped")


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
