"""The dictations of a daemon: commands open and close the microphone, one log holds them all."""

import asyncio
import logging
from typing import Protocol

from swictation.audio.source import LAST_BLOCK_S, Source
from swictation.control.session import Command, Purpose, Session, decide
from swictation.control.status import State
from swictation.control.status import count as count_of
from swictation.dictation.capture_sink import CAPTURED, CaptureSink
from swictation.dictation.context import LoopContext
from swictation.dictation.degraded import AUDIO_ONLY, NO_MICROPHONE
from swictation.dictation.transcriber import Transcriber
from swictation.errors import InjectError, NothingRecorded, SwictationError
from swictation.events import (
    DetectorFailed,
    DetectorRecovered,
    HeldSettled,
    Injected,
    SourceEnded,
    StateChanged,
    TextDoubted,
    TextHeld,
    WorkerGone,
    WorkerReady,
)
from swictation.facts import (
    DeliveryDoubted,
    HeldReduced,
    MicrophoneFailed,
    StoppedEarly,
)
from swictation.types import to_seconds

_CAPTURE_PATIENCE_S = 10.0
"""A capture ends after so long without speech."""

_log = logging.getLogger(__name__)


class EngineManager(Protocol):
    """What the controller needs of the engines."""

    def on_worker(self, event: WorkerReady | WorkerGone) -> None:
        """A worker is ready, or has ended."""
        ...

    def wake(self) -> None:
        """An engine will be needed: load it now."""
        ...


class MicrophoneManager(Protocol):
    """What the controller needs of the microphone."""

    @property
    def microphone(self) -> Source:
        """What the next dictation listens to."""
        ...


class DictationController:
    """Owns the one stream of a daemon, on the run loop; see `runloop.Owner`."""

    def __init__(
        self,
        context: LoopContext,
        transcriber: Transcriber,
        sink: CaptureSink,
        engines: EngineManager,
        microphones: MicrophoneManager,
    ) -> None:
        """`sink`: the one of `transcriber`; `microphones` has the next dictation's microphone."""
        self._transcriber = transcriber
        self._stream = transcriber.stream
        self._sink = sink
        self._engines = engines
        self._microphones = microphones
        self._events = context.events
        self._post = context.post
        self._degradations = context.degradations
        self._session = Session()
        self._capture: asyncio.Future[str] | None = None
        self._captured_text = ""
        self._is_capture_quarantined = False
        self._is_patient = True
        self._is_deaf = False
        self._is_stopping = False
        self._last_state = ""

    @property
    def transcriber(self) -> Transcriber:
        """What turns its sound into text."""
        return self._transcriber

    # --- commands ----------------------------------------------------------------------------

    @property
    def state(self) -> State:
        """The state, as in `status`."""
        if self._session.is_listening:
            return "listening"
        if self._is_stopping and self._stream.is_done:
            return "stopped"
        return "idle" if self._stream.is_done else "transcribing"

    def toggle(self) -> str:
        """Start listening, or stop."""
        return self._command("toggle")

    def start(self) -> str:
        """Start listening."""
        return self._command("start")

    def stop(self) -> str:
        """Stop listening; what was said still becomes text."""
        return self._command("stop")

    def cancel(self) -> str:
        """Stop listening and drop what is not typed."""
        self._command("cancel")
        return "idle"  # what is still being heard becomes no text

    def lock(self, is_locked: bool) -> None:
        """Note that the screen was locked, or unlocked."""
        self._stream.delivery.lock(is_locked)
        self._command("lock" if is_locked else "unlock")

    async def capture(self) -> str:
        """Listen for one utterance and return its text, which is typed nowhere.

        Raises:
            NothingRecorded: nobody spoke.
            SwictationError: it listens already, or must not.
        """
        if why := self._why_no_capture():
            raise SwictationError(f"Nothing can be captured now: {why}.", "swictation stop")
        self._capture = asyncio.get_running_loop().create_future()
        self._captured_text, self._is_capture_quarantined = "", False
        self._is_patient, self._is_deaf = True, False
        self._sink.begin()
        self._command("capture")
        patience = asyncio.get_running_loop().call_later(_CAPTURE_PATIENCE_S, self._lose_patience)
        try:
            return await self._capture
        finally:
            patience.cancel()
            self._capture = None
            self._command("captured")

    async def paste_last(self) -> int:
        """Type the held texts, else the last one. Raises InjectError."""
        try:
            return await self._stream.delivery.paste_last()
        except InjectError as error:
            retries = self._transcriber.retries
            if self._stream.delivery.held or not (retries and retries.asides):
                raise
            message = f"{error.message} {count_of(len(retries.asides), 'utterance')} set aside."
            raise InjectError(message, "swictation retry") from error

    async def retry(self) -> int:
        """Retry all quarantined utterances; return how many texts came, which are held.

        Raises:
            SwictationError: nothing is quarantined, or some of it brought no text.
        """
        if self._transcriber.retries is None:
            raise SwictationError("Nothing is set aside.")
        return await self._transcriber.retries.wish()

    # --- the run loop's events ---------------------------------------------------------------

    @property
    def is_listening(self) -> bool:
        """Whether the microphone is open, or its sound is not yet heard to the end."""
        return self._session.is_listening or bool(self._stream.unheard)

    def is_over(self) -> bool:
        """Whether it was asked to end and all text has arrived."""
        self._tell_state()
        return self._is_stopping and self._stream.is_done

    def on_source_ended(self, event: SourceEnded) -> None:
        if event.error:
            self._events.emit(MicrophoneFailed(event.error.on_one_line))
            self._command("stop")

    def on_heard(self) -> None:
        self._end_capture_if_over()

    def on_injected(self, event: Injected) -> None:
        number = event.utterance
        if not event.is_last or number not in self._stream.utterances:
            return
        utterance = self._stream.settle(number, keeps_sound=event.is_held)
        start_s, end_s = to_seconds(utterance.first_sample), to_seconds(utterance.last_sample)
        _log.info("speech at %.1f-%.1f s: %d characters", start_s, end_s, len(utterance.text))
        if event.outcome == CAPTURED and utterance.capture == self._sink.number:
            self._captured_text += utterance.text
            self._is_capture_quarantined = utterance.is_quarantined
            if self._captured_text.strip():
                self._answer_capture()
            else:
                self._end_capture_if_over()

    def on_held(self, event: TextHeld | TextDoubted | HeldSettled) -> None:
        match event:
            case TextHeld():
                self._events.emit(event)
            case TextDoubted():
                path = self._stream.keep_sound(event.utterance)
                kept = f"its sound is kept: {path}" if path else "its sound is not on disk"
                message = (
                    f"it is unknown whether all of a text has arrived ({event.reason}); {kept}"
                )
                self._events.emit(DeliveryDoubted(event.utterance, message))
            case HeldSettled():
                for number in event.utterances:
                    if number not in self._stream.utterances:
                        self._stream.forget_sound(number)
                held = self._stream.delivery.held
                self._events.emit(HeldReduced(len(held), held.reason, len(held.pending)))

    def on_worker(self, event: WorkerReady | WorkerGone) -> None:
        self._engines.on_worker(event)

    def on_detector(self, event: DetectorFailed | DetectorRecovered) -> None:
        reason = event.reason if isinstance(event, DetectorFailed) else ""
        self._degradations.put(AUDIO_ONLY, reason)

    def on_stop(self, reason: str) -> None:
        _log.info("stopping: %s", reason)
        if not self._is_stopping:
            self._is_stopping = True
            self._stream.delivery.stop_waiting()
            self._command("stop")

    def abandon(self) -> int:
        """End without waiting longer; return how many utterances are not transcribed."""
        self._stream.delivery.abandon()
        count = len(self._stream.utterances)
        if count:
            message = f"{count} utterances are not transcribed; {self._stream.sound.at_the_end}"
            self._events.emit(StoppedEarly(message))
        if self._degradations.has(AUDIO_ONLY):
            unheard = "some sound was not searched for speech"
            message = f"{unheard}; {self._stream.sound.at_the_end}, see: swictation doctor"
            self._events.emit(StoppedEarly(message))
        return count

    def say_what_is_held(self) -> None:
        """Report what is held at the end: its text is lost with this process, its sound is not."""
        if count := len(self._stream.delivery.held):
            texts = "1 held text was" if count == 1 else f"{count} held texts were"
            message = f"{texts} not typed; {self._stream.sound.at_the_end}, see: swictation doctor"
            self._events.emit(StoppedEarly(message))
        if self._transcriber.retries and (asides := self._transcriber.retries.asides):
            count = count_of(len(asides), "utterance")
            message = f"{count} set aside; {self._stream.sound.at_the_end}, see: swictation doctor"
            self._events.emit(StoppedEarly(message))

    # --- the parts ---------------------------------------------------------------------------

    def _why_no_capture(self) -> str:
        if self._session.is_locked:
            return "the screen is locked"
        if self._capture:
            return "another capture is going on"
        if self._session.is_listening:
            return "it is listening already"
        return "the daemon is stopping" if self._is_stopping else ""

    def _command(self, command: Command) -> str:
        if self._is_stopping and command in {"start", "toggle"} and not self._session.is_listening:
            return self.state
        self._session, effects = decide(self._session, command)
        for effect in effects:
            match effect:
                case "open":
                    self._open(self._session.purpose)
                case "close":
                    self._close()
                case "drop":
                    self._drop()
        self._tell_state()
        return self.state

    def _open(self, purpose: Purpose) -> None:
        self._engines.wake()
        if purpose == "type":
            self._stream.delivery.begin_dictation()
        capture = self._sink.number if purpose == "capture" else 0
        self._stream.listen(self._microphones.microphone, self._post, capture=capture)

    def _close(self) -> None:
        """Stop listening after the block that holds this moment."""
        if capture := self._stream.capture:
            capture.request_stop()
            asyncio.get_running_loop().call_later(LAST_BLOCK_S, capture.cut_off)

    def _drop(self) -> None:
        if capture := self._stream.capture:
            capture.cut_off()
        self._transcriber.drop()
        if self._capture and not self._capture.done():
            self._capture.set_exception(NothingRecorded("The capture was cancelled."))

    def _lose_patience(self) -> None:
        self._is_patient = False
        self._is_deaf = self._degradations.has(NO_MICROPHONE)
        self._end_capture_if_over()

    def _end_capture_if_over(self) -> None:
        """Stop listening when patience is over; answer a capture that was heard to its end.

        Only the present capture counts: a dictation, or an earlier capture, may not be over.
        """
        if self._capture is None:
            return
        number, stream = self._sink.number, self._stream
        is_open = any(utterance.capture == number for utterance in stream.utterances.values())
        if not self._is_patient and not is_open:
            self._command("captured")
        if not is_open and number not in stream.unheard:
            self._answer_capture()

    def _answer_capture(self) -> None:
        if self._capture is None or self._capture.done():
            return
        if text := self._captured_text.strip():
            self._capture.set_result(text)
        elif self._is_capture_quarantined:
            message = "The engine died twice on what was said: its sound is set aside."
            self._capture.set_exception(SwictationError(message, "swictation retry"))
        else:
            why = "no sound comes from the microphone" if self._is_deaf else "nobody spoke"
            message = f"Nothing was recorded: {why}."
            self._capture.set_exception(NothingRecorded(message, "swictation doctor"))

    def _tell_state(self) -> None:
        if self.state != self._last_state:
            self._last_state = self.state
            changed = StateChanged(self.state, to_seconds(self._stream.heard_sample))
            self._post(changed)
            self._events.emit(changed)
