"""Answers requests with an engine; on a GPU, under the guard.

After an OOM it collects and tries once more, in halves if that needs less. After any other failure
of a GPU, nothing that it computed is used: the caller has to end the process.
"""

import logging
import time

import msgspec
import numpy as np

from swictation.asr.alignment import rest_after
from swictation.asr.engine import DeviceEngine, Engine, Waveform
from swictation.errors import DeviceFailure
from swictation.gpu.guard.guard import CUDAMemoryGuard
from swictation.types import AllocatorFigures, DecodeRequest, Hypothesis
from swictation.worker.child import splitting
from swictation.worker.child.contract import checked
from swictation.worker.child.failure import failed
from swictation.worker.protocol.messages import Answer, Decode, Failed, Order, OrderDone

_FULL_SCALE = np.float32(32768.0)

_log = logging.getLogger(__name__)


class Decoder:
    """Decodes with an engine on the CPU. An engine may raise anything."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.is_broken = False
        """Whether a failure makes later answers untrustworthy, so that the process has to end."""

    def figures(self) -> AllocatorFigures | None:
        """The figures of the GPU's allocator; None without a GPU, or if unreadable."""
        return None

    def answer(self, order: Decode) -> Answer | Failed:
        """Decode, whole or in pieces."""
        number = order.request.number
        waveform = np.frombuffer(order.pcm, np.int16).astype(np.float32) / _FULL_SCALE
        try:
            hypothesis = self._decode(order.request, waveform, order.piece_samples)
            figures = self.figures()
        except Exception as error:  # noqa: BLE001 - the daemon decides what it means
            return self._failed(number, error)
        return Answer(number, hypothesis, time.monotonic(), figures)

    def apply(self, order: Order) -> OrderDone | Failed:
        """Refuse the command: without a GPU there is nothing to free."""
        return OrderDone(order.what, is_done=False)

    def close(self) -> None:
        """Free everything, if that is still possible."""
        self._engine.close()

    def _decode(self, request: DecodeRequest, waveform: Waveform, piece_samples: int) -> Hypothesis:
        longest = 0 if self._streams else piece_samples
        hypothesis = splitting.joined(
            [
                self._decode_piece(splitting.part(request, piece), waveform[piece])
                for piece in splitting.cut(waveform, longest)
            ]
        )
        if self._engine.capabilities.forced_prefix or hypothesis.dropped:
            return hypothesis
        return _behind(request.forced_text, hypothesis)

    @property
    def _streams(self) -> bool:
        """Whether each step has one length, whatever the sound's, so that cutting gains nothing."""
        return self._engine.capabilities.chunking is not None

    def _decode_piece(self, request: DecodeRequest, waveform: Waveform) -> Hypothesis:
        return checked(self._engine.decode(request, waveform))

    def _failed(self, number: int, error: Exception) -> Failed:
        return failed(number, error, self._engine)


class DeviceDecoder(Decoder):
    """Decodes with an engine on a GPU. After any failure but an OOM it never computes again."""

    _engine: DeviceEngine

    def __init__(self, engine: DeviceEngine) -> None:
        super().__init__(engine)
        self._guard = CUDAMemoryGuard(engine.allocator)
        self._has_leaked = False
        self._peak_mib = 0.0
        """The highest peak of the units of one answer."""

    def figures(self) -> AllocatorFigures | None:
        return self._guard.look()

    def answer(self, order: Decode) -> Answer | Failed:
        self._peak_mib = 0.0
        answer = super().answer(order)
        if answer.figures is None:
            return answer
        figures = msgspec.structs.replace(answer.figures, peak_mib=self._peak_mib)
        return msgspec.structs.replace(answer, figures=figures)

    def apply(self, order: Order) -> OrderDone | Failed:
        """Carry out a command about the GPU's memory."""
        is_done = True
        try:
            if order.what == "trim":
                self._guard.collect()
            else:
                with self._guard.unit():
                    is_done = self._engine.apply(order.what)
            return OrderDone(order.what, is_done, self.figures())
        except Exception as error:  # noqa: BLE001 - as in a decode
            failure = self._failed(0, error)
        if failure.kind == "oom":
            return OrderDone(order.what, is_done=False, figures=failure.figures)
        return failure

    def close(self) -> None:
        if not self.is_broken:
            super().close()

    def _decode_piece(self, request: DecodeRequest, waveform: Waveform) -> Hypothesis:
        try:
            return self._guarded(request, waveform)
        except DeviceFailure as failure:
            if failure.kind != "oom":
                raise
            self._note_peak(self._guard.report.figures)
        # Outside of `except`, so that the memory of the failed attempt has been collected.
        if self._streams:
            return self._guarded(request, waveform)
        return splitting.joined(
            [
                self._guarded(splitting.part(request, piece), waveform[piece])
                for piece in splitting.halves(waveform)
            ]
        )

    def _guarded(self, request: DecodeRequest, waveform: Waveform) -> Hypothesis:
        with self._guard.unit(request.duration_s) as unit:
            unit.point("before-transfer")
            hypothesis = checked(self._engine.decode(request, waveform))
            unit.point("after-inference")
            unit.point("before-answer")
        self._note_peak(unit.figures)
        self._log_leak(self._guard.report.leak)
        return hypothesis

    def _log_leak(self, leak: str) -> None:
        if leak and not self._has_leaked:
            _log.warning("the engine does not free its memory: %s", leak)
        self._has_leaked = bool(leak)

    def _note_peak(self, figures: AllocatorFigures | None) -> None:
        if figures:
            self._peak_mib = max(self._peak_mib, figures.peak_mib)

    def _failed(self, number: int, error: Exception) -> Failed:
        if not isinstance(error, DeviceFailure):
            self.is_broken = True
            return super()._failed(number, error)
        self.is_broken = error.kind != "oom"
        cause = error.__cause__ or error
        return failed(number, cause, self._engine, error.kind, self._guard.report.figures)


def _behind(forced_text: str, hypothesis: Hypothesis) -> Hypothesis:
    """Take the forced text off the answer of an engine that cannot be forced."""
    heard = hypothesis.new_text
    return msgspec.structs.replace(
        hypothesis,
        new_text=rest_after(forced_text, heard),
        beyond=rest_after(heard, forced_text),
    )


def decoder_for(engine: Engine) -> Decoder:
    """Make the decoder for an engine, according to its type."""
    return DeviceDecoder(engine) if isinstance(engine, DeviceEngine) else Decoder(engine)
