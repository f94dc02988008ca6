"""The thread that opens and closes a microphone, watches it, and opens it again.

PortAudio says nothing when a sound server freezes: the callbacks stop, and that is all. So the
age of the last block is watched. Opening and closing hang for as long as a server is frozen, and
closing on another thread than the opening one corrupted the heap: so both happen here, and nobody
waits for them without a limit.
"""

import logging
import time
from collections.abc import Callable
from threading import Condition, Thread
from typing import Literal

import msgspec

from swictation.audio.microphone import portaudio, sound_server
from swictation.audio.microphone.input_stream import InputStream
from swictation.backoff import Backoff
from swictation.errors import AudioError

Health = Literal["closed", "open", "silent", "absent"]
"""silent: open, but no block comes, as from a server that is frozen."""

_WATCH_S = 1.0
_ASK_SOURCE_S = 5.0
"""PipeWire moves a stream to another source without notice; asking takes 4 ms of CPU."""
_FIRST_RETRY_S, _LONGEST_RETRY_S = 0.25, 4.0
_CLOSE_S = 1.0

_log = logging.getLogger(__name__)


class MicrophoneState(msgspec.Struct, frozen=True):
    """The state of a microphone, for `status`."""

    health: Health
    source: str = ""
    """What it really records from, if the sound server says; else PortAudio's name."""
    reason: str = ""
    level_dbfs: float | None = None
    last_block_age_s: float | None = None


class DeviceMonitor:
    """Keeps a device open while it is wanted. All methods are for any thread."""

    def __init__(
        self, device: str, report: Callable[[MicrophoneState], None], warm_s: float | None
    ) -> None:
        """`warm_s`: keep it open and that much sound while nobody listens; None: close it."""
        self._device = device
        self._report = report
        self._warm_s = warm_s
        self._changed = Condition()
        self._is_listening = False
        self._is_closing = False
        self._stream: InputStream | None = None
        self._has_failed = False
        self._is_stale = False
        self._backoff = Backoff(_FIRST_RETRY_S, _LONGEST_RETRY_S)
        self._asked_s = 0.0
        self._source = ""
        self._reported = MicrophoneState("closed")
        self._dropped_blocks = 0
        self._thread = Thread(target=self._run, name="microphone", daemon=True)

    def start(self) -> None:
        """Open it if it is kept warm, else wait until it is wanted."""
        self._thread.start()

    def begin(self) -> None:
        """Open it now: somebody listens."""
        with self._changed:
            self._is_listening = True
            self._has_failed = False
            self._backoff.cut_short()
            if self._stream:
                self._stream.keep_all()
            self._changed.notify_all()

    def end(self) -> None:
        """Close it: nobody listens any longer. Returns at once."""
        with self._changed:
            self._is_listening = False
            if self._stream:
                self._stream.keep_only(self._warm_s or 0.0)
            self._changed.notify_all()

    def recording(self, timeout_s: float, *, or_failure: bool = False) -> InputStream | None:
        """Wait for the open stream, with `or_failure` only until one try has failed; else None."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._stream or (or_failure and self._has_failed), timeout_s
            )
            return self._stream

    def is_drained(self, stream: InputStream) -> None:
        """Note that a stream that ended by itself was heard to its end: the next one may begin."""
        with self._changed:
            if self._stream is stream:
                self._stream = None
            self._changed.notify_all()

    def tell_stuck(self) -> None:
        """Report that somebody waits, and opening has neither worked nor failed."""
        if self._reported.health != "absent":
            self._tell(MicrophoneState("silent", self._source, "the sound server does not answer"))

    @property
    def state(self) -> MicrophoneState:
        """The state now; level and age of the last block while it is open."""
        stream = self._stream
        if stream is None:
            return self._reported
        return msgspec.structs.replace(
            self._state_of(stream),
            level_dbfs=stream.level_dbfs,
            last_block_age_s=stream.last_block_age_s,
        )

    @property
    def dropped_blocks(self) -> int:
        """Blocks lost because their listener was two minutes late."""
        stream = self._stream
        return self._dropped_blocks + (stream.dropped_blocks if stream else 0)

    def close(self) -> None:
        """Close it for good. The thread cannot be stopped while a server is frozen."""
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        if self._thread.ident:
            self._thread.join(_CLOSE_S)
        if self._thread.is_alive():
            _log.warning("the sound server does not let go of the microphone")

    # --- the thread

    def _run(self) -> None:
        while not self._is_closing:
            stream = self._stream
            if stream is None:
                if self._is_wanted():
                    self._open()
                elif self._has_reported_trouble():
                    self._tell(MicrophoneState("closed", self._source))
            elif stream.has_ended or not self._is_wanted():
                self._shut(stream)
            else:
                self._watch(stream)
            with self._changed:
                self._changed.wait_for(self._is_due, self._rest_s())
        if self._stream:
            self._shut(self._stream)

    def _is_wanted(self) -> bool:
        return self._is_listening or self._warm_s is not None

    def _has_reported_trouble(self) -> bool:
        """Whether the last report was that no sound comes."""
        return self._reported.health in {"absent", "silent"}

    def _is_due(self) -> bool:
        """Whether there is something to do before the next look."""
        stream = self._stream
        if self._is_closing:
            return True
        if stream is None:
            is_due = self._backoff.is_over(time.monotonic())
            return is_due if self._is_wanted() else self._has_reported_trouble()
        if stream.is_closed:
            return not self._is_listening  # else its listener still takes what it has
        return stream.has_ended or not self._is_wanted()

    def _rest_s(self) -> float | None:
        if self._stream is None:
            rest_s = max(0.0, self._backoff.until_s - time.monotonic())
            return rest_s if self._is_wanted() else None
        return None if self._stream.is_closed else _WATCH_S

    def _open(self) -> None:
        try:
            if self._is_stale:
                portaudio.look_again()
            stream = InputStream(self._device, self._wake)
        except AudioError as error:
            self._is_stale = True
            self._backoff.failed(time.monotonic())
            self._tell(MicrophoneState("absent", reason=error.message))
            with self._changed:
                self._has_failed = True
                self._changed.notify_all()
            return
        self._is_stale = False
        self._backoff.succeeded()
        self._asked_s = 0.0
        self._source = self._source or stream.name
        self._tell(MicrophoneState("open", self._source))
        with self._changed:
            if not self._is_listening:
                stream.keep_only(self._warm_s or 0.0)
            self._stream = stream
            self._changed.notify_all()

    def _shut(self, stream: InputStream) -> None:
        """Close it; one that ended by itself is kept until its listener has all of it."""
        with self._changed:
            if not stream.has_ended and self._is_wanted() and not self._is_closing:
                return  # somebody listens again by now
            if stream.is_closed or not (self._is_listening and stream.has_ended):
                self._stream = None
        if not stream.is_closed:
            self._is_stale = stream.has_ended
            stream.close()
            self._dropped_blocks += stream.dropped_blocks
        if not self._is_wanted():
            self._tell(MicrophoneState("closed", self._source))

    def _watch(self, stream: InputStream) -> None:
        now_s = time.monotonic()
        if now_s - self._asked_s >= _ASK_SOURCE_S and not stream.is_silent:
            self._asked_s = now_s
            self._source = sound_server.recorded_from() or stream.name
        self._tell(self._state_of(stream))

    def _state_of(self, stream: InputStream) -> MicrophoneState:
        if stream.is_silent:
            return MicrophoneState("silent", self._source, "no sound arrives")
        return MicrophoneState("open", self._source)

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _tell(self, state: MicrophoneState) -> None:
        with self._changed:
            is_news = state != self._reported
            self._reported = state
        if is_news:
            _log.info("microphone: %s %s %s", state.health, state.source, state.reason)
            self._report(state)
