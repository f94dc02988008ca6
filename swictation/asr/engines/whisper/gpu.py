"""Whisper on a GPU. CTranslate2 does not report its memory, so it is read from NVML.

CTranslate2 opens cuBLAS and allocates most of its buffers at the first decode. Therefore loading
includes a decode: a missing library shows then, and the buffers exist before anything is measured.
"""

from pathlib import Path
from typing import Any

import ctranslate2  # pyright: ignore[reportMissingTypeStubs]
import msgspec
import numpy as np
from faster_whisper import WhisperModel  # pyright: ignore[reportMissingTypeStubs]

from swictation.asr.engine import EngineSpec, Waveform
from swictation.asr.engines.whisper import cublas, errors
from swictation.asr.engines.whisper.engine import FULL_CONTEXT_S, Decoded, WhisperEngine
from swictation.asr.engines.whisper.memory import TYPES, read_shape, tiers
from swictation.asr.engines.whisper.settings import WhisperSettings
from swictation.gpu.nvml.allocator import NvmlAllocator
from swictation.types import DecodeRequest, to_samples

_TYPES_WITHOUT_HALF = ("float32", "int8")
"""For GPUs that are slow in half precision, older than Volta."""
_ct2: Any = ctranslate2


def load(spec: EngineSpec, settings: WhisperSettings) -> "GpuWhisper":
    """Load tier `spec.tier` of the model folder onto the GPU.

    Raises:
        EngineError: the GPU cannot be used, with the remedy.
        Exception: any error of CTranslate2 or the tokenizer about the folder.
    """
    try:
        cublas.open_it()  # may fail: only CTranslate2 knows which one it needs
        allocator = NvmlAllocator(spec.gpu)
        _make_context()
        allocator.note_context()
        types = types_for(_ct2.get_supported_compute_types("cuda"))
        spec = msgspec.structs.replace(spec, tier=min(spec.tier, len(types) - 1))
        model = WhisperModel(
            spec.model_path, device="cuda", compute_type=types[spec.tier], local_files_only=True
        )
        engine = GpuWhisper(model, spec, settings, types, allocator)
        engine.warm_up()
    except RuntimeError as error:
        if explained := errors.explain(error):
            raise explained from error
        raise
    return engine


def types_for(supported: set[str]) -> tuple[str, ...]:
    """The compute types to use on a GPU that supports these, the best first."""
    return TYPES if supported.issuperset(TYPES) else _TYPES_WITHOUT_HALF


def _make_context() -> None:
    """Create the context before the weights are loaded, so that it can be measured alone."""
    _ct2.StorageView.from_array(np.zeros(1, np.float32)).to_device(_ct2.Device.cuda)


class GpuWhisper(WhisperEngine):
    """Whisper with its model on a GPU."""

    def __init__(
        self,
        model: WhisperModel,
        spec: EngineSpec,
        settings: WhisperSettings,
        types: tuple[str, ...],
        allocator: NvmlAllocator,
    ) -> None:
        """`types`: the compute types, of which the model is loaded in number `spec.tier`."""
        super().__init__(model, spec, settings)
        self._shape = read_shape(Path(spec.model_path) / "model.bin")
        self._type = types[spec.tier]
        self.allocator = allocator
        """See `DeviceEngine`."""
        self.capabilities = msgspec.structs.replace(
            self.capabilities,
            device="cuda",
            tiers=tiers(spec.model, self._shape, self.beam, types),
            tier=spec.tier,
        )

    def warm_up(self) -> None:
        """Decode silence of the greatest length."""
        silence = np.zeros(to_samples(FULL_CONTEXT_S), np.float32)
        self.decode(DecodeRequest(0, 0, 0, len(silence)), silence)

    def apply(self, order: str) -> bool:
        """See `DeviceEngine`. There is no buffer to halve: each request has its own sound."""
        if order not in ("greedy", "beam"):
            return False
        self.is_greedy = order == "greedy"
        return True

    def close(self) -> None:
        super().close()
        self.allocator.close()

    def _decode(self, waveform: Waveform, forced: str, context_s: float, beam: int) -> Decoded:
        self.allocator.expect(self._shape.work_mib(self._type, context_s, beam))
        return super()._decode(waveform, forced, context_s, beam)
