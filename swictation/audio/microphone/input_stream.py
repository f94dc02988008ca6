"""One open stream of PortAudio, and the blocks it has brought."""

import os
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from threading import Condition
from typing import Any

import msgspec
import numpy as np

from swictation.audio.microphone import portaudio, sound_server
from swictation.errors import AudioError
from swictation.loudness import level_dbfs
from swictation.types import Samples

BLOCK_S = 0.1
SILENT_AFTER_S = 1.0
FIRST_BLOCK_S = 3.0
"""A source that slept may need two seconds."""
_MOST_LAG_S = 1.0
"""A driver that reports more is wrong."""
_MOST_BLOCKS = 1200
"""Two minutes without a listener; then new blocks are dropped and counted."""

_PULSE_SOURCE = "PULSE_SOURCE"
"""Which source a stream of libpulse records from; the ALSA bridge has no other way to set it."""


class Block(msgspec.Struct, frozen=True, gc=False):
    """BLOCK_S of int16 mono at the stream's own rate."""

    raw: bytes
    until_s: float
    """When its last sample was captured, by the monotonic clock: sound servers are late."""

    @property
    def samples(self) -> Samples:
        return np.frombuffer(self.raw, np.int16)


TakeBlock = Callable[[Block], bool]
"""Takes a block; returns whether it has enough. On PortAudio's thread, so it must not wait."""


class InputStream:
    """A stream from open to close; both belong to one thread, the rest to any.

    While nobody listens only the last blocks are kept: the sound before the key. A listener gets
    each block on the thread on which it comes: no thread wakes up only to pass it on.
    """

    def __init__(self, device: str, on_end: Callable[[], None]) -> None:
        """Open and start. `on_end` is called on PortAudio's thread if it ends by itself.

        Raises:
            AudioError: there is no such device, or it cannot be opened.
        """
        self._arrived = Condition()
        self._blocks: deque[Block] = deque()
        """Blocks that have come and are not taken."""
        self._listener: TakeBlock | None = None
        self._failure: Exception | None = None
        self._kept_blocks: int | None = None
        """How many to keep while nobody listens; None while somebody listens."""
        self._on_end = on_end
        self._last: Block | None = None
        self._opened_s = time.monotonic()
        self._last_block_s: float | None = None
        self.dropped_blocks = 0
        self.has_ended = False
        self.is_closed = False
        sd = portaudio.load()
        try:
            self._stream = self._open(sd, find(device))
        except sd.PortAudioError as error:
            reason = " ".join(str(error.args[0]).split()) if error.args else "no reason given"
            raise AudioError(
                f"{device}: cannot be opened ({reason})", "swictation doctor"
            ) from error

    def close(self) -> None:
        """Call it only on the thread that opened: otherwise the heap was corrupted."""
        sd = portaudio.load()
        with suppress(sd.PortAudioError):
            self._stream.close()
        self.is_closed = True

    def keep_only(self, seconds: float) -> None:
        """End listening: keep the last `seconds`, drop older sound."""
        with self._arrived:
            self._kept_blocks = round(seconds / BLOCK_S)
            self._trim()

    def keep_all(self) -> None:
        """Begin listening, with the sound that is kept."""
        with self._arrived:
            self._kept_blocks = None

    def hand_to(self, listener: TakeBlock) -> None:
        """Give `listener` the kept blocks, and each new one, until it has enough."""
        with self._arrived:
            self._listener, self._failure = listener, None
            while self._blocks:
                if self._hand(self._blocks.popleft(), listener):
                    break

    def wait_handed(self, timeout_s: float) -> bool:
        """Wait, `timeout_s` at most, until the listener has enough or nothing more comes.

        Whether that is so. Raises what the listener raised.
        """
        with self._arrived:
            is_over = self._arrived.wait_for(
                lambda: self._listener is None or self.has_ended, timeout_s
            )
            if self._failure:
                raise self._failure
            return is_over

    def let_go(self) -> None:
        """Give the listener no further block; new ones are kept."""
        with self._arrived:
            self._listener = None

    def wait_first(self, timeout_s: float) -> None:
        """Wait, `timeout_s` at most, until a block has come or it has ended; takes none."""
        with self._arrived:
            self._arrived.wait_for(lambda: self._last or self.has_ended, timeout_s)

    @property
    def last_block_age_s(self) -> float | None:
        """Seconds since the last block came; None before the first."""
        last_s = self._last_block_s
        return None if last_s is None else time.monotonic() - last_s

    @property
    def is_silent(self) -> bool:
        """Whether no block comes, as from a frozen server."""
        if (age_s := self.last_block_age_s) is not None:
            return age_s >= SILENT_AFTER_S
        return time.monotonic() - self._opened_s >= FIRST_BLOCK_S

    @property
    def level_dbfs(self) -> float | None:
        """RMS of the last block in dB below full scale, -100 for digital silence."""
        return level_dbfs(self._last.samples) if self._last else None

    def _open(self, sd: Any, chosen: int | None) -> Any:  # noqa: ANN401
        info: dict[str, Any] = sd.query_devices(chosen, "input")
        self.name = str(info["name"])
        self.rate_hz = int(info["default_samplerate"])
        stream = sd.RawInputStream(
            device=chosen,
            samplerate=self.rate_hz,
            blocksize=round(self.rate_hz * BLOCK_S),
            channels=1,
            dtype="int16",
            latency="low",
            callback=self._on_block,
            finished_callback=self._on_finished,
        )
        try:
            stream.start()
        except sd.PortAudioError:
            stream.close()
            raise
        return stream

    def _on_block(self, data: Any, frames: int, at: Any, status: object) -> None:  # noqa: ANN401
        """On PortAudio's thread: copy, pass on and leave."""
        now_s = time.monotonic()
        lag_s = at.currentTime - at.inputBufferAdcTime - frames / self.rate_hz
        with self._arrived:
            is_first = self._last is None
            self._last = Block(bytes(data), now_s - min(max(0.0, lag_s), _MOST_LAG_S))
            self._last_block_s = now_s
            if self._listener:
                self._hand(self._last, self._listener)
            elif self._kept_blocks is None and len(self._blocks) >= _MOST_BLOCKS:
                self.dropped_blocks += 1
            else:
                self._blocks.append(self._last)
                self._trim()
            if is_first:
                self._arrived.notify_all()

    def _hand(self, block: Block, listener: TakeBlock) -> bool:
        """Whether it has enough. The lock is held. The audio thread reports a failure."""
        try:
            has_enough = listener(block)
        except Exception as failure:  # noqa: BLE001 - PortAudio would print it
            self._failure, has_enough = failure, True
        if has_enough:
            self._listener = None
            self._arrived.notify_all()
        return has_enough

    def _trim(self) -> None:
        while self._kept_blocks is not None and len(self._blocks) > self._kept_blocks:
            self._blocks.popleft()

    def _on_finished(self) -> None:
        with self._arrived:
            self.has_ended = True
            self._arrived.notify_all()
        self._on_end()


def _rank(source: sound_server.ServerSource, wanted: str) -> tuple[bool, bool]:
    """An exact name first; a monitor (what loudspeakers play) only if nothing else fits."""
    is_exact = wanted in (source.name.lower(), source.description.lower())
    return not is_exact, source.name.endswith(".monitor")


def find(device: str) -> int | None:
    """PortAudio's number for a device, None for the default one.

    A name, or part of one, is searched among the sound server's sources first: people know
    those, and a sound card that is opened directly may be busy.

    Raises:
        AudioError: there is none of that name; the message lists the devices.
    """
    os.environ.pop(_PULSE_SOURCE, None)  # of another device, before the configuration changed
    if device == "default":
        return None
    inputs = portaudio.inputs()
    sources = sound_server.sources()
    wanted = device.lower()
    for source in sorted(sources, key=lambda source: _rank(source, wanted)):
        if wanted in source.name.lower() or wanted in source.description.lower():
            os.environ[_PULSE_SOURCE] = source.name
            return inputs.get("pulse")
    for name, number in inputs.items():
        if wanted in name.lower():
            return number
    known = [source.description or source.name for source in sources] or list(inputs)
    there_are = f"there are: {', '.join(known)}" if known else "there is none at all"
    raise AudioError(f"no microphone named {device}; {there_are}", "set [audio] device")
