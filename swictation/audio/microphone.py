"""A microphone as a source: PortAudio in callback mode, reopened whenever it breaks off.

PortAudio says nothing when a sound server dies: the callbacks stop, and that is all. So the age
of the last block is watched. One thread, the one that calls `run`, opens and closes: closing from
another corrupted the heap in measurements. Open only while somebody dictates: desktops show it.
"""

import logging
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, Full, Queue
from threading import Event
from typing import Any, Literal

import msgspec
import numpy as np
import sounddevice  # pyright: ignore[reportMissingTypeStubs]
import soxr  # pyright: ignore[reportMissingTypeStubs]

from swictation.audio.source import Deliver
from swictation.types import SAMPLE_RATE_HZ, Samples

Health = Literal["closed", "open", "silent", "absent"]
"""silent: open, yet no block comes, as from a server that is frozen."""

_BLOCK_S = 0.1
_SILENT_AFTER_S = 1.0
_LAST_BLOCK_WAIT_S = 0.25
_FIRST_RETRY_S, _LONGEST_RETRY_S = 0.25, 4.0
_MOST_BLOCKS = 1200
"""Two minutes by which the audio thread may be late; then blocks are dropped and counted."""

_log = logging.getLogger(__name__)
_sd: Any = sounddevice


class MicrophoneState(msgspec.Struct, frozen=True):
    """How a microphone is, for `status`."""

    health: Health
    source: str = ""
    reason: str = ""


class Microphone:
    """An input device by name, or the default one; `run` once for each dictation."""

    def __init__(self, device: str, report: Callable[[MicrophoneState], None]) -> None:
        self._device = None if device == "default" else device
        self._report = report
        self._state = MicrophoneState("closed")
        self.dropped_blocks = 0

    can_wait = False

    @property
    def name(self) -> str:
        return self._device or "the default microphone"

    def start(self) -> None:
        """Nothing is kept warm yet."""

    def stop(self) -> None:
        """Nothing is kept warm yet."""

    @property
    def state(self) -> MicrophoneState:
        """How it is."""
        return self._state

    def run(self, deliver: Deliver, stop: Event) -> None:
        """See `Source.run`. A device that is absent or breaks off is waited for, not an error."""
        retry_s = _FIRST_RETRY_S
        while not stop.is_set():
            try:
                with _Recording(self._device) as recording:
                    self._tell(MicrophoneState("open", recording.source))
                    retry_s = _FIRST_RETRY_S
                    self._listen(recording, deliver, stop)
                    self.dropped_blocks += recording.dropped_blocks
            except _sd.PortAudioError as error:
                self._tell(MicrophoneState("absent", reason=_reason(error)))
            except ValueError as error:  # no device of that name
                self._tell(MicrophoneState("absent", reason=" ".join(str(error).split())))
            if not stop.wait(retry_s):
                retry_s = min(2 * retry_s, _LONGEST_RETRY_S)
                look_again()
        self._tell(MicrophoneState("closed"))

    def _listen(self, recording: "_Recording", deliver: Deliver, stop: Event) -> None:
        """Deliver until `stop`, or until the recording breaks off."""
        while not stop.is_set():
            block = recording.next(_SILENT_AFTER_S)
            if block is not None:
                self._tell(MicrophoneState("open", recording.source))
                deliver(block)
            elif recording.has_ended:
                return
            else:
                self._tell(MicrophoneState("silent", recording.source, "no sound arrives"))
        # The block that holds the key's instant is still on its way.
        if (block := recording.next(_LAST_BLOCK_WAIT_S)) is not None:
            deliver(block)
        deliver(recording.rest())

    def _tell(self, state: MicrophoneState) -> None:
        if state != self._state:
            self._state = state
            _log.info("microphone: %s %s %s", state.health, state.source, state.reason)
            self._report(state)


class _Recording:
    """One open stream, from PortAudio's thread to ours."""

    def __init__(self, device: str | None) -> None:
        info: dict[str, Any] = _sd.query_devices(device, "input")
        self.source = str(info["name"])
        self.dropped_blocks = 0
        self._rate_hz = int(info["default_samplerate"])
        self._blocks: Queue[bytes | None] = Queue(_MOST_BLOCKS)
        self._resampler = soxr.ResampleStream(self._rate_hz, SAMPLE_RATE_HZ, 1, dtype="int16")
        self._stream: Any = _sd.RawInputStream(
            device=device,
            samplerate=self._rate_hz,
            blocksize=round(self._rate_hz * _BLOCK_S),
            channels=1,
            dtype="int16",
            latency="low",
            callback=self._on_block,
            finished_callback=self._on_end,
        )

    def __enter__(self) -> "_Recording":
        self._stream.start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(_sd.PortAudioError):
            self._stream.close()

    @property
    def has_ended(self) -> bool:
        """Whether the stream broke off."""
        return not self._stream.active

    def next(self, timeout_s: float) -> Samples | None:
        """The next block at 16 kHz; None at the end, or when none comes in time."""
        with suppress(Empty):
            if (raw := self._blocks.get(timeout=timeout_s)) is not None:
                return self._resampled(raw)
        return None

    def rest(self) -> Samples:
        """What the resampler still holds."""
        return self._resampled(b"", is_last=True)

    def _resampled(self, raw: bytes, *, is_last: bool = False) -> Samples:
        samples = np.frombuffer(raw, np.int16)
        if self._rate_hz == SAMPLE_RATE_HZ:
            return samples
        return self._resampler.resample_chunk(samples, last=is_last)

    def _on_block(self, data: Any, frames: int, time: object, status: object) -> None:  # noqa: ANN401
        """On PortAudio's thread: copy and leave."""
        try:
            self._blocks.put_nowait(bytes(data))
        except Full:
            self.dropped_blocks += 1

    def _on_end(self) -> None:
        with suppress(Full):
            self._blocks.put_nowait(None)


def look_again() -> None:
    """Make PortAudio list its devices anew: with no server at start its list stays empty."""
    with suppress(_sd.PortAudioError):
        _sd._terminate()
        _sd._initialize()


def _reason(error: Exception) -> str:
    return " ".join(str(error.args[0]).split()) if error.args else type(error).__name__


def has_input() -> bool:
    """Whether there is any device that can be listened to."""
    return any(device["max_input_channels"] > 0 for device in _sd.query_devices())
