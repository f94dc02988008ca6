"""The spool thread: sound of unsettled utterances, written behind to disk by at most 0.5 s.

It holds wishes, not a queue: what each utterance should look like on disk. The thread makes it
so. Its memory is therefore bounded by the utterances that are unsettled, and an utterance that
is settled before its turn never touches the disk.
"""

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
        self._is_stopping = False
        self._problem = ""
        self._read: Callable[[int, int], Samples] | None = None
        self._journal_end: Callable[[], int] = lambda: 0
        self._thread = Thread(target=self._run, name="spool", daemon=True)

    def start(self, read: Callable[[int, int], Samples], journal_end: Callable[[], int]) -> None:
        """Start the thread; `read(first, last)` and `journal_end()` are the journal's."""
        self._read, self._journal_end = read, journal_end
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
        """Its text has arrived: delete its files."""
        with self._changed:
            self._kept[utterance].is_settled = True
            self._changed.notify_all()

    def path(self, utterance: int) -> Path | None:
        """Where the sound of an unsettled utterance is, if it is on disk."""
        kept = self._kept.get(utterance)
        return kept.file.sound if kept and not self._problem else None

    def read_back(self, first_sample: int, last_sample: int) -> Samples | None:
        """Samples of one utterance from disk, or None where they are not all there."""
        with self._changed:
            kept = next((k for k in self._kept.values() if _covers(k, first_sample)), None)
            if kept is None or kept.written_sample < min(last_sample, kept.last_sample or 0):
                return None
            return _read_file(kept, first_sample, last_sample)

    def _run(self) -> None:
        while True:
            with self._changed:
                growing = any(k.last_sample is None for k in self._kept.values())
                self._changed.wait_for(self._has_work, timeout=_BEHIND_S if growing else None)
                stopping = self._is_stopping
                work = list(self._kept.items())
            for utterance, kept in work:
                self._serve(utterance, kept)
            self._bound()
            if stopping:
                return

    def _has_work(self) -> bool:
        return self._is_stopping or any(
            k.lines or k.is_settled or (k.last_sample is not None and not k.is_finished)
            for k in self._kept.values()
        )

    def _serve(self, utterance: int, kept: _Kept) -> None:
        with self._changed:
            lines, kept.lines = kept.lines, []
        try:
            if kept.is_settled:
                kept.file.delete()
                with self._changed:
                    self._kept.pop(utterance, None)
            elif not self._problem:
                self._write_behind(kept)
                for record, _ in lines:
                    kept.file.write_line(record)
        except OSError as error:
            self._fail(error)
        finally:
            for _, written in lines:
                written.set_result(None)

    def _write_behind(self, kept: _Kept) -> None:
        end = self._journal_end()
        upto = end if kept.last_sample is None else kept.last_sample
        if self._read and upto > kept.written_sample:
            try:
                samples = self._read(kept.written_sample, upto)
            except AudioLostError:
                _log.warning("the spool fell behind the ring; part of an utterance is only in text")
                samples = np.zeros(upto - kept.written_sample, np.int16)
            kept.file.write(samples)
            kept.written_sample = upto
        if kept.last_sample is not None and not kept.is_finished:
            kept.file.finish()
            kept.is_finished = True

    def _bound(self) -> None:
        held = [k for k in self._kept.values() if k.is_finished]
        excess = sum(k.written_sample - k.first_sample for k in held) - self._max_samples
        for kept in held:
            if excess <= 0:
                return
            excess -= kept.written_sample - kept.first_sample
            kept.file.delete()
            kept.first_sample = kept.written_sample
            _log.warning("the spool is full ([spool] max_minutes): the oldest audio was dropped")

    def _fail(self, error: OSError) -> None:
        if not self._problem:
            self._problem = (error.strerror or str(error)).lower()
            self._on_problem(self._problem)


def _covers(kept: _Kept, sample: int) -> bool:
    return kept.first_sample <= sample < kept.written_sample


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
