"""A microphone as a source: open while somebody dictates, reopened whenever it fails."""

from collections.abc import Callable
from threading import Lock

import numpy as np
import soxr  # pyright: ignore[reportMissingTypeStubs]

from swictation.audio.microphone.input_stream import SILENT_AFTER_S, Block, InputStream
from swictation.audio.microphone.monitor import DeviceMonitor, MicrophoneState
from swictation.audio.source import Deliver, Stop
from swictation.types import SAMPLE_RATE_HZ, Samples

LAST_BLOCK_WAIT_S = 0.25
_LOOK_S = 0.25
_LOOK_AGAIN_S = 0.5
"""For a stop that no block follows; otherwise the block shows it."""


class Microphone:
    """An input device by name, or the default one: `start` once, `run` for each dictation.

    It is closed between dictations, because desktops show an open one. If it is kept warm, a
    dictation begins with the sound of `pre_roll_s` before its key.
    """

    can_wait = False

    def __init__(
        self,
        device: str,
        report: Callable[[MicrophoneState], None] = lambda _: None,
        *,
        keep_warm: bool = False,
        pre_roll_s: float = 0.5,
    ) -> None:
        """`report` is called on changes, except of level and age, on a thread of this class."""
        self._device = device
        self._monitor = DeviceMonitor(device, report, pre_roll_s if keep_warm else None)
        self._turn = Lock()

    def start(self) -> None:
        """Start its thread; call it first. `close` ends it."""
        self._monitor.start()

    @property
    def name(self) -> str:
        return "the default microphone" if self._device == "default" else self._device

    @property
    def state(self) -> MicrophoneState:
        """The state now. Any thread."""
        return self._monitor.state

    @property
    def dropped_blocks(self) -> int:
        """Blocks of 100 ms lost because they were not taken for two minutes."""
        return self._monitor.dropped_blocks

    def check(self, timeout_s: float = 3.0) -> MicrophoneState:
        """Open it, wait for a first block, close it again; return the state before that. Blocks.

        The first opening is the slow one: this takes it out of the way of the first key.
        """
        with self._turn:
            self._monitor.begin()
            try:
                if stream := self._monitor.recording(timeout_s, or_failure=True):
                    stream.wait_first(timeout_s)
                return self._monitor.state
            finally:
                self._monitor.end()

    def run(self, deliver: Deliver, stop: Stop) -> None:
        """See `Source.run`. An absent or failed device is waited for, not an error.

        Returns with the block that contains the moment of `stop`.
        """
        with self._turn:  # the previous dictation may still wait for its last block
            self._monitor.begin()
            try:
                self._run(deliver, stop)
            finally:
                self._monitor.end()

    def close(self) -> None:
        """Close for good; waits for a second at most."""
        self._monitor.close()

    def _run(self, deliver: Deliver, stop: Stop) -> None:
        waited_s = 0.0
        while not stop.is_set():
            stream = self._monitor.recording(_LOOK_S)
            if stream is None:
                waited_s += _LOOK_S
                if waited_s >= SILENT_AFTER_S:
                    self._monitor.tell_stuck()
                continue
            waited_s = 0.0
            _Listening(stream, deliver, stop).listen()
            if stream.has_ended:
                self._monitor.is_drained(stream)


class _Listening:
    """One dictation's part of a stream."""

    def __init__(self, stream: InputStream, deliver: Deliver, stop: Stop) -> None:
        self._stream = stream
        self._deliver = deliver
        self._stop = stop
        self._resample = _resampler(stream.rate_hz)

    def listen(self) -> None:
        """Deliver until the moment of `stop`, or until the stream has ended by itself."""
        stream = self._stream
        stream.hand_to(self._take)
        try:
            while not stream.wait_handed(_LOOK_AGAIN_S) and not self._is_overdue():
                pass
        finally:
            stream.let_go()
        if len(rest := self._resample(np.empty(0, np.int16), True)):
            self._deliver(rest)

    def _take(self, block: Block) -> bool:
        """Deliver it; return whether it contains the moment of `stop`. On PortAudio's thread."""
        self._deliver(self._resample(block.samples, False))
        return self._stop.at_s is not None and block.until_s >= self._stop.at_s

    def _is_overdue(self) -> bool:
        """Whether it is stopped, and the block of that moment does not come."""
        age_s = self._stream.last_block_age_s
        return self._stop.is_set() and (age_s is None or age_s >= LAST_BLOCK_WAIT_S)


def _resampler(rate_hz: int) -> Callable[[Samples, bool], Samples]:
    """Makes a function that resamples to 16 kHz; True with the last samples gives all the rest."""
    if rate_hz == SAMPLE_RATE_HZ:
        return lambda samples, _is_last: samples
    stream = soxr.ResampleStream(rate_hz, SAMPLE_RATE_HZ, 1, dtype="int16")
    return lambda samples, is_last: stream.resample_chunk(samples, last=is_last)
