"""`swictation vram record`: the GPU's memory, second by second, as a trace to be replayed."""

import math
import signal
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import BinaryIO

import click
import msgspec
from msgspec.structs import replace

from swictation.cli.common import config_option, settings_from
from swictation.cli.main import tell
from swictation.config.settings import VramSettings
from swictation.control.bus.client import call
from swictation.control.status import decode
from swictation.errors import ControlError, SwictationError, UsageError
from swictation.gpu.nvml.errors import REMEDIES
from swictation.gpu.nvml.nvml import NvmlProbe
from swictation.gpu.nvml.poller import VramPoller
from swictation.types import VramSnapshot

_EVERY_S = 1.0
_WORKERS_EVERY_S = 5.0
_ANSWER_S = 1.0
_SILENCE_S = 30.0
"""A driver that takes longer than this for a reading will not answer at all."""


class _Line(msgspec.Struct, frozen=True):
    t_s: float
    total_mib: float
    free_mib: float
    ours_mib: float | None


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--seconds",
    type=click.FloatRange(min=0.0, min_open=True),
    metavar="N",
    help="Stop after so many seconds.",
)
@config_option
def record(file: Path, seconds: float | None, config: Path | None) -> None:
    """Write the memory of the GPU to FILE each second, until Ctrl-C.

    One JSON object a line: seconds since the start, MiB in all, MiB free, and MiB of the
    daemon's own worker (0 if none runs, null if the driver does not report it). Meanwhile the GPU
    is kept awake; one that sleeps is not woken.
    """
    if seconds is not None and not math.isfinite(seconds):
        raise UsageError(f"--seconds {seconds} is no length of time.", "try: --seconds 60")
    settings = settings_from(config).vram
    settings = replace(settings, read_every_s=_EVERY_S, read_every_absent_s=_EVERY_S)
    with _Recorder(settings) as recorder:
        first = recorder.next()
        if first is None:
            return
        if not first.is_usable:
            raise _error(first)
        with _opened(file) as out:
            for line in recorder.lines(first, seconds):
                out.write(msgspec.json.encode(line) + b"\n")


class _Recorder:
    """Reads the GPU until a signal ends the program."""

    def __init__(self, settings: VramSettings) -> None:
        self._readings: SimpleQueue[VramSnapshot | None] = SimpleQueue()  # the poller bounds it
        self._poller = VramPoller(NvmlProbe(settings.gpu), self._readings.put, settings)
        self._asked_s = 0.0

    def __enter__(self) -> "_Recorder":
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._end)
        self._poller.start()
        self._poller.watch("held", _workers())
        return self

    def __exit__(self, *_: object) -> None:
        self._poller.stop()

    def _end(self, *_: object) -> None:
        self._readings.put(None)

    def next(self) -> VramSnapshot | None:
        """The next reading; None: the user ended it.

        Raises:
            SwictationError: the driver hangs.
        """
        try:
            snapshot = self._readings.get(timeout=_SILENCE_S)
        except Empty:
            message = f"The graphics driver has not answered for {_SILENCE_S:.0f} s."
            raise SwictationError(message, REMEDIES["stuck"]) from None
        self._poller.ack()
        return snapshot

    def lines(self, first: VramSnapshot, seconds: float | None) -> Iterator[_Line]:
        """One for each reading, from the first on; those that fail leave a gap."""
        snapshot: VramSnapshot | None = first
        trouble = ""
        while snapshot:
            t_s = snapshot.at_s - first.at_s
            if seconds is not None and t_s >= seconds:
                return
            if snapshot.is_usable:
                yield _line(t_s, snapshot)
            elif snapshot.trouble != trouble:
                tell(_error(snapshot))
            trouble = snapshot.trouble
            self._follow_workers(snapshot.at_s)
            snapshot = self.next()

    def _follow_workers(self, now_s: float) -> None:
        """The daemon replaces its workers now and then."""
        if now_s - self._asked_s >= _WORKERS_EVERY_S:
            self._asked_s = now_s
            self._poller.watch("held", _workers())


def _line(t_s: float, now: VramSnapshot) -> _Line:
    ours_mib = None if now.ours_mib is None else round(now.ours_mib, 1)
    return _Line(round(t_s, 2), round(now.total_mib, 1), round(now.free_mib, 1), ours_mib)


def _error(snapshot: VramSnapshot) -> SwictationError:
    message = f"The GPU cannot be read: {snapshot.reason}."
    return SwictationError(message, REMEDIES.get(snapshot.trouble, "swictation doctor"))


@contextmanager
def _opened(file: Path) -> Generator[BinaryIO]:
    try:
        out = file.open("wb", buffering=0)  # each line at once: it may be read meanwhile
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror}.") from error
    with out:
        yield out


def _workers() -> list[int]:
    """The daemon's process that may be on the GPU; [] if there is none."""
    try:
        worker = decode(str(call("Status", limit_s=_ANSWER_S))).worker
    except (ControlError, msgspec.DecodeError):
        return []
    return [] if worker.pid is None else [worker.pid]
