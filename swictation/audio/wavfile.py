"""A sound file as a source: whatever FFmpeg reads, any rate, any number of channels."""

import contextlib
import stat
from collections.abc import Generator, Iterator
from pathlib import Path
from threading import Event
from typing import BinaryIO, Literal

import av
import av.error
import numpy as np
from av.audio.resampler import AudioResampler
from av.container import InputContainer

from swictation.audio.source import BLOCK_SAMPLES, Deliver
from swictation.audio.spoolfile import has_lost_header
from swictation.audio.spoolnames import HEADER_BYTES
from swictation.clock import Clock, MonotonicClock
from swictation.errors import AudioError, no_such_sound
from swictation.types import SAMPLE_RATE_HZ, Samples, to_seconds

Pace = Literal["realtime", "fast"]

_FORMATS_HINT = "any format that FFmpeg reads will do: WAV, FLAC, MP3, Ogg, Opus, M4A, WebM ..."


class FileSource:
    """Plays a file into the journal, as fast as possible or at the speed of a microphone."""

    def __init__(self, path: Path, pace: Pace = "fast", clock: Clock | None = None) -> None:
        self._path = path
        self._pace = pace
        self._clock = clock or MonotonicClock()

    can_wait = True

    @property
    def name(self) -> str:
        return str(self._path)

    def run(self, deliver: Deliver, stop: Event) -> None:
        """See `Source.run`."""
        begun_s = self._clock.now_s()
        delivered = 0
        blocks = _blocks(self._path)
        block = next(blocks, None)
        while block is not None:
            if self._pace == "realtime":
                due_s = begun_s + to_seconds(delivered + len(block))
                stop.wait(max(0.0, due_s - self._clock.now_s()))
            if stop.is_set():
                return
            this, block = block, None
            try:  # before it is delivered: after that the speech thread needs the interpreter
                block = next(blocks, None)
            finally:
                deliver(this)
                delivered += len(this)
        if not delivered:
            raise AudioError(f"{self._path} holds no sound.", _FORMATS_HINT)


def check(path: Path) -> None:
    """Look at the beginning of a file, before anything is made ready for it.

    What can be read only once, such as a pipe, is left alone.

    Raises:
        AudioError: it is no sound.
    """
    with contextlib.suppress(OSError):
        mode = path.stat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            return
    with contextlib.closing(_blocks(path)) as blocks:
        next(blocks, None)


def _blocks(path: Path) -> Generator[Samples]:
    with _open(path) as file:
        if has_lost_header(path, file):
            yield from _bare(file)
            return
        try:
            # A file object, never a name: FFmpeg takes some names for network addresses.
            with av.open(file, mode="r", metadata_errors="replace") as container:
                yield from _decoded(path, container)
        except av.error.EOFError as error:
            raise AudioError(f"{path} is empty or cut short.", _FORMATS_HINT) from error
        except (av.error.FFmpegError, OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", "") or type(error).__name__
            raise AudioError(f"{path} cannot be decoded: {reason}.", _FORMATS_HINT) from error


def _bare(file: BinaryIO) -> Iterator[Samples]:
    """The samples that the spool writes after a header."""
    file.seek(HEADER_BYTES)
    while data := file.read(2 * BLOCK_SAMPLES):
        yield np.frombuffer(data[: len(data) // 2 * 2], np.int16)


def _decoded(path: Path, container: InputContainer) -> Iterator[Samples]:
    if not container.streams.audio:
        raise AudioError(f"{path} has no audio track.", _FORMATS_HINT)
    resampler = AudioResampler("s16", "mono", SAMPLE_RATE_HZ, frame_size=BLOCK_SAMPLES)
    for frame in container.decode(container.streams.audio[0]):
        for block in resampler.resample(frame):
            yield block.to_ndarray()[0].astype(np.int16, copy=False)
    for block in resampler.resample(None):
        yield block.to_ndarray()[0].astype(np.int16, copy=False)


def _open(path: Path) -> BinaryIO:
    try:
        if path.is_dir():
            raise AudioError(f"{path} is a folder, not a sound file.", "name the files in it")
        file = path.open("rb")
        if path.is_file() and not path.stat().st_size:
            file.close()
            raise AudioError(f"{path} is empty.", _FORMATS_HINT)
    except FileNotFoundError as error:
        raise no_such_sound(path) from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise AudioError(f"{path} cannot be read: {reason}.", f"ls -l {path}") from error
    return file
