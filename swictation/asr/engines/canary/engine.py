"""Canary as an engine. A stream for each utterance answers its requests."""

import functools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from swictation.asr.engine import Engine, EngineSpec, Waveform
from swictation.asr.engines.canary.building import skeleton
from swictation.asr.engines.canary.libraries import Tensor, torch
from swictation.asr.engines.canary.loading import load_model
from swictation.asr.engines.canary.memory.allocator import TorchAllocator
from swictation.asr.engines.canary.memory.sizes import tier_for
from swictation.asr.engines.canary.precision import CPU_AUTO
from swictation.asr.engines.canary.prompts import languages, prompt_tokens
from swictation.asr.engines.canary.settings import GPU_ORDER, CanarySettings
from swictation.asr.engines.canary.steps import Steps
from swictation.asr.engines.canary.stream import Stream
from swictation.asr.engines.canary.window import window_for
from swictation.asr.loops import is_too_fast
from swictation.errors import EngineError
from swictation.types import (
    SAMPLE_RATE_HZ,
    Capabilities,
    DecodeRequest,
    Hypothesis,
    Tier,
)

_HALF = 0.5
_LEAST_LEFT_S = 0.5


def load_engine(spec: EngineSpec) -> Engine:
    """Load the folder `spec.model_path` onto `spec.device` and warm up.

    Raises:
        EngineError: settings, model and device do not fit together.
        Exception: any error of the device.
    """
    settings = msgspec.convert(spec.options, CanarySettings)
    folder = Path(spec.model_path)
    precisions = _precisions(settings.precision, spec.device)
    tier = min(spec.tier, len(precisions) - 1)
    tiers: tuple[Tier, ...] = ()
    if spec.device == "cuda":
        _need_cuda()
        plain = skeleton(folder)
        tiers = tuple(tier_for(plain, name, settings.buffer_s) for name in precisions)
    model = load_model(folder, precisions[tier], spec.device)
    capabilities = Capabilities(
        device=spec.device,
        languages=languages(model),
        chunking=window_for(model, settings.buffer_s).chunking,
        partials=True,
        tiers=tiers,
        tier=tier,
        precision=precisions[tier],
    )
    kind = GpuCanary if spec.device == "cuda" else CanaryEngine
    engine = kind(model, prompt_tokens(model, spec.language), settings, capabilities)
    _warm_up(engine)
    return engine


def _precisions(wanted: str, device: str) -> tuple[str, ...]:
    if wanted != "auto":
        return (wanted,)
    return GPU_ORDER if device == "cuda" else (CPU_AUTO,)


def _need_cuda() -> None:
    if not torch.cuda.is_available():
        built = torch.version.cuda
        why = "the driver or the GPU is missing" if built else "the installed torch is for CPUs"
        raise EngineError(
            f"Canary cannot use the GPU: {why}.",
            "swictation doctor" if built else "install a torch with CUDA (docs/canary.md)",
        )


def _warm_up(engine: "CanaryEngine") -> None:
    """Decode once, so that lazy loading happens now and an unsuitable CPU shows now."""
    silence = torch.zeros(engine.window.samples).numpy()
    try:
        engine.decode(DecodeRequest(0, -1, 0, len(silence)), silence)
    except RuntimeError as error:  # NotImplementedError is one
        if "not implemented for" not in str(error):
            raise
        raise EngineError(
            f"This CPU cannot compute in {engine.capabilities.precision} with the installed torch.",
            'set [canary] precision = "fp32"',
        ) from error
    engine.forget()


class CanaryEngine:
    """Canary on the CPU. The last utterance's stream is kept while requests continue it."""

    def __init__(
        self, model: Any, prompt: Tensor, settings: CanarySettings, capabilities: Capabilities
    ) -> None:
        """`prompt`: see `prompts.prompt_tokens`."""
        self.capabilities = capabilities
        self.window = window_for(model, settings.buffer_s)
        self._model = model
        self._prompt = prompt
        self._settings = settings
        self._key = (-1, -1)
        self._stream: Stream | None = None

    def decode(self, request: DecodeRequest, waveform: Waveform) -> Hypothesis:
        """Answer `request`. `new_text` is the whole text, whatever is forced.

        Raises:
            EngineError: the model fell silent while speech went on, or computed no numbers.
            Exception: any error of the device.
        """
        wall_s, cpu_s = time.monotonic(), time.process_time()
        try:
            with torch.inference_mode():
                stream = self._stream_of(request, waveform)
                text = (stream.feed if request.goes_on else stream.end)(waveform)
        except BaseException:
            self.forget()  # the stream may have heard part of a chunk
            raise
        # A model may make more text of noise than anybody can say.
        is_loop = is_too_fast(text, len(waveform) / SAMPLE_RATE_HZ)
        return Hypothesis(
            new_text=f" {text}" if text and not is_loop else "",
            confident=not is_loop,
            dropped="loop" if is_loop else "",
            decode_s=time.monotonic() - wall_s,
            cpu_s=time.process_time() - cpu_s,
        )

    def forget(self) -> None:
        """Drop what is kept of the last utterance."""
        self._key, self._stream = (-1, -1), None

    def close(self) -> None:
        """See `Engine.close`."""
        self.forget()
        self._model = None

    def _stream_of(self, request: DecodeRequest, waveform: Waveform) -> Stream:
        """Return the stream that has heard the beginning, or a new one, which hears it all."""
        key = (request.utterance, request.first_sample)
        if self._stream and key == self._key and self._stream.continues(waveform):
            return self._stream
        if not request.partial:  # a partial must not drop the kept stream
            self.forget()
        stream = Stream(self._new_run(), self.window.chunking)
        if not request.partial:
            self._key, self._stream = key, stream
        return stream

    def _new_run(self) -> Callable[[], Steps]:
        return functools.partial(
            Steps, self._model, self.window, self._prompt, self._settings.policy
        )


class GpuCanary(CanaryEngine):
    """Canary on a GPU. Torch holds its memory, and commands can make it use less."""

    allocator = TorchAllocator()

    def apply(self, order: str) -> bool:
        """See `DeviceEngine.apply`. A smaller buffer is used from the next utterance on."""
        match order:
            case "half-buffer":
                self._use_buffer(_HALF * self._settings.buffer_s)
            case "full-buffer":
                self._use_buffer(self._settings.buffer_s)
            case "greedy" | "beam":
                pass  # it is always greedy
            case _:
                return False
        return True

    def _use_buffer(self, buffer_s: float) -> None:
        """Set the buffer. Only the left context shrinks: chunk ends must not move."""
        least_s = self.window.chunking.first_samples / SAMPLE_RATE_HZ + _LEAST_LEFT_S
        self.window = window_for(self._model, max(buffer_s, least_s))
