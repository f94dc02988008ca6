"""The spool thread: sound of unsettled utterances, written behind to disk by at most 0.5 s.

It holds wishes, not a queue: what each utterance should look like on disk. The thread makes it
so. Its memory is therefore bounded by the utterances that are unsettled, and an utterance that
is settled before its turn never touches the disk.
"""

import contextlib
import logging
import wave
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from threading import Condition, Thread

import msgspec
import numpy as np

from swictation.audio.spoolfile import SpoolFile, SpoolFolder
from swictation.errors import AudioLostError
from swictation.types import Samples, to_samples

_BEHIND_S = 0.25

_log = logging.getLogger(__name__)


class _Kept(msgspec.Struct):
    first_sample: int
    file: SpoolFile
    written_sample: int
    last_sample: int | None = None
    lines: list[tuple[dict[str, object], Future[None]]] = []
    is_settled: bool = False
    is_finished: bool = False
    is_set_aside: bool = False
    captured: Callable[[], int] | None = None
    """Of sound that nobody has heard: where it ends at present."""

    def holds(self, first_sample: int, last_sample: int) -> bool:
        """Whether all of this that belongs to it is on disk."""
        end = last_sample if self.last_sample is None else min(last_sample, self.last_sample)
        begins_here = self.first_sample <= first_sample < self.written_sample
        return begins_here and self.written_sample >= end


class Spool:
    """Keeps one stream's utterances. Thread-safe; disk errors end in `problem`, never in a loss.

    Drop rule: above `max_minutes` the oldest finished utterance's files go first.
    """

    def __init__(
        self,
        folder: SpoolFolder,
        stream: int,
        max_minutes: float,
        on_problem: Callable[[str], None],
    ) -> None:
        self._folder = folder
        self._stream = stream
        self._max_samples = to_samples(max_minutes * 60.0)
        self._on_problem = on_problem
        self._changed = Condition()
        self._kept: dict[int, _Kept] = {}
        self._unheard = 0
        self._is_stopping = False
        self._problem = ""
        self._read: Callable[[int, int], Samples] | None = None
        self._heard: Callable[[], int] = lambda: 0
        self._thread = Thread(target=self._run, name="spool", daemon=True)

    def start(self, read: Callable[[int, int], Samples], heard: Callable[[], int]) -> None:
        """Start the thread; `read(first, last)` is the journal's.

        `heard()` is the sample before which everything has been searched for speech: what lies
        behind it need not belong to the utterance that is open.
        """
        self._read, self._heard = read, heard
        self._thread.start()

    def stop(self) -> None:
        """Write what is owed and end the thread. Unsettled utterances stay on disk."""
        with self._changed:
            self._is_stopping = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join()

    def begin(self, utterance: int, first_sample: int) -> None:
        """Keep `utterance` from `first_sample` on."""
        file = SpoolFile(self._folder.path, f"{self._stream:03d}-{utterance:06d}")
        with self._changed:
            self._kept[utterance] = _Kept(first_sample, file, first_sample)
            self._changed.notify_all()

    def keep_unheard(self, first_sample: int, captured: Callable[[], int]) -> None:
        """Keep all sound from `first_sample` on, up to `captured()`: nobody hears it for now.

        Drop rule: it does not grow beyond `max_minutes`; what comes then is in RAM alone.
        """
        with self._changed:
            if any(k.captured and not k.is_settled for k in self._kept.values()):
                return
            self._unheard += 1
            file = SpoolFile(self._folder.path, f"{self._stream:03d}-unheard-{self._unheard}")
            kept = _Kept(first_sample, file, first_sample, captured=captured)
            self._kept[-self._unheard] = kept
            self._changed.notify_all()

    def settle_unheard(self) -> None:
        """It is heard: what is to be kept of it has been begun as an utterance."""
        with self._changed:
            heard = [kept for kept in self._kept.values() if kept.captured and not kept.is_settled]
            for kept in heard:
                kept.is_settled = True
            if heard:
                self._changed.notify_all()

    def end(self, utterance: int, last_sample: int) -> None:
        """Nothing at or behind `last_sample` belongs to `utterance`."""
        with self._changed:
            self._kept[utterance].last_sample = last_sample
            self._changed.notify_all()

    def note(self, utterance: int, kind: str, **fields: object) -> Future[None]:
        """Write a line `{kind: fields}` for `utterance`; done once the kernel has it."""
        written: Future[None] = Future()
        with self._changed:
            kept = self._kept.get(utterance)
            if kept is None or self._problem or not self._thread.is_alive():
                written.set_result(None)
            else:
                kept.lines.append(({kind: fields}, written))
                self._changed.notify_all()
        return written

    def settle(self, utterance: int) -> None:
        """Its text has arrived, or nobody wants it: delete its files, if they are still there."""
        with self._changed:
            if kept := self._kept.get(utterance):
                kept.is_settled = True
                self._changed.notify_all()

    def set_aside(self, utterance: int) -> Path | None:
        """Keep its sound for the user; where that is, None if it is not on disk."""
        with self._changed:
            kept = self._kept.get(utterance)
            if kept is None or self._problem:
                return None
            kept.is_set_aside = True
            return kept.file.sound

    def read_back(self, first_sample: int, last_sample: int) -> Samples | None:
        """Samples of one utterance from disk, or None where they are not all there."""
        with self._changed:
            # The newest: a file grows until the end is known, by when the next may have begun.
            holding = [k for k in self._kept.values() if k.holds(first_sample, last_sample)]
            kept = max(holding, key=lambda k: k.first_sample, default=None)
            return _read_file(kept, first_sample, last_sample) if kept else None

    def _run(self) -> None:
        is_last_round = False
        while not is_last_round:
            with self._changed:
                self._changed.wait_for(lambda: self._has_work() or self._is_growing())
                self._changed.wait_for(self._has_work, timeout=_BEHIND_S)
                is_last_round = self._is_stopping
                work = [(number, kept, kept.is_settled) for number, kept in self._kept.items()]
            # What is settled goes last: another may still have to be copied from it.
            for number, kept, is_settled in sorted(work, key=lambda one: one[2]):
                self._serve(number, kept, is_settled)
            self._bound()
        self._close_files()

    def _has_work(self) -> bool:
        """Whether there is something to be done at once."""
        return self._is_stopping or any(
            k.lines or k.is_settled or (k.last_sample is not None and not self._is_done_with(k))
            for k in self._kept.values()
        )

    def _is_growing(self) -> bool:
        """Whether there is something to be written from time to time."""
        return any(k.last_sample is None and not self._is_done_with(k) for k in self._kept.values())

    def _is_done_with(self, kept: _Kept) -> bool:
        return kept.is_finished or bool(self._problem)

    def _serve(self, utterance: int, kept: _Kept, is_settled: bool) -> None:
        """`is_settled`: when the round began; if it is only later, the next one deletes."""
        with self._changed:
            lines, kept.lines = kept.lines, []
        try:
            if is_settled:
                kept.file.delete()
            elif not self._problem:
                self._write_behind(kept)
                for record, _ in lines:
                    kept.file.write_line(record)
        except OSError as error:
            self._fail(error)
        finally:
            if is_settled:
                with self._changed:
                    self._kept.pop(utterance, None)
            for _, written in lines:
                if written.set_running_or_notify_cancel():
                    written.set_result(None)

    def _write_behind(self, kept: _Kept) -> None:
        is_ended = kept.last_sample is not None  # if it is only later, the next round finishes it
        upto = self._end_of(kept)
        if self._read and upto > kept.written_sample:
            try:
                samples = self._read(kept.written_sample, upto)
            except AudioLostError:
                _log.warning("the spool fell behind the ring; part of an utterance is only in text")
                samples = np.zeros(upto - kept.written_sample, np.int16)
            kept.file.write(samples)
            kept.written_sample = upto
        if is_ended and kept.last_sample is not None and not kept.is_finished:
            # The end is known only when silence has lasted: what was written beyond it goes.
            kept.file.finish(kept.last_sample - kept.first_sample)
            kept.written_sample = min(kept.written_sample, kept.last_sample)
            kept.is_finished = True

    def _end_of(self, kept: _Kept) -> int:
        """Up to where it is to be written now."""
        if kept.captured:
            return min(kept.captured(), kept.first_sample + self._max_samples)
        return self._heard() if kept.last_sample is None else kept.last_sample

    def _bound(self) -> None:
        with self._changed:
            finished = [k for k in self._kept.values() if k.is_finished]
        held = [k for k in finished if k.written_sample > k.first_sample]
        held.sort(key=lambda kept: kept.is_set_aside)  # what the user was told of goes last
        excess = sum(k.written_sample - k.first_sample for k in held) - self._max_samples
        for kept in held:
            if excess <= 0 or self._problem:
                return
            excess -= kept.written_sample - kept.first_sample
            kept.first_sample = kept.written_sample
            try:
                kept.file.delete()
            except OSError as error:
                self._fail(error)
            _log.warning("the spool is full ([spool] max_minutes): the oldest audio was dropped")

    def _fail(self, error: OSError) -> None:
        """Give up writing: what comes is kept in RAM alone. What is settled is still deleted."""
        if not self._problem:
            self._problem = (error.strerror or str(error)).lower()
            self._close_files()
            self._on_problem(self._problem)

    def _close_files(self) -> None:
        """Give the files that are still growing the length that they have."""
        with self._changed:
            kept = list(self._kept.values())
        for one in kept:
            with contextlib.suppress(OSError):
                one.file.finish()


def _read_file(kept: _Kept, first_sample: int, last_sample: int) -> Samples | None:
    out = np.zeros(last_sample - first_sample, np.int16)
    try:
        with wave.open(str(kept.file.sound), "rb") as file:
            file.setpos(first_sample - kept.first_sample)
            sound = np.frombuffer(file.readframes(len(out)), np.int16)
    except (OSError, wave.Error, EOFError):
        return None
    out[: len(sound)] = sound
    return out
