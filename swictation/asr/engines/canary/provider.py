"""Canary's provider, an entry point of `swictation.engines`. Imports none of its libraries."""

from pathlib import Path
from pkgutil import resolve_name

import msgspec

from swictation.asr.engine import Engine, EngineSpec
from swictation.asr.engines.canary import extra
from swictation.asr.engines.canary.files import folder as files
from swictation.asr.engines.canary.models import CANARY_1B_FLASH, CANARY_1B_V2, CANARY_180M_FLASH
from swictation.asr.engines.canary.settings import CanarySettings
from swictation.asr.memory_plan import MemoryPlan
from swictation.asr.model_spec import NEMO, ModelFile, ModelSpec
from swictation.asr.provider import EngineProvider, Progress
from swictation.errors import EngineError
from swictation.gpu.effects import MemoryForecast

_FOLDER = "swictation.asr.engines.canary"


class CanaryProvider(EngineProvider):
    """NVIDIA Canary through NeMo, for a GPU. Its libraries are an extra."""

    settings = CanarySettings
    is_for_gpu = True
    gpu_query = f"{_FOLDER}.ask"
    preload = (f"{_FOLDER}.engine",)
    detector = "swictation.vad.silero_torch:load"
    models = (CANARY_1B_FLASH, CANARY_1B_V2, CANARY_180M_FLASH)
    archive_ending = NEMO
    converter = f"{_FOLDER}.convert"
    weights = files.WEIGHTS
    own_folder = files.OWN_FOLDER

    def load(self, spec: EngineSpec) -> Engine:
        return resolve_name(f"{_FOLDER}.engine:load_engine")(spec)

    def unavailable(self) -> EngineError | None:
        return extra.unavailable()

    def missing_files(self, folder: Path) -> list[str]:
        return [name for name in (files.CONFIG, files.WEIGHTS) if not (folder / name).is_file()]

    def read_files(self, folder: Path) -> list[str]:
        return files.copies(folder)

    def check_folder(self, folder: Path) -> tuple[str, ...]:
        from swictation.asr.engines.canary.files import archive

        super().check_folder(folder)
        return archive.check_folder(folder)

    def unpack(
        self, archive: Path, target: Path, progress: Progress, *, is_known: bool = False
    ) -> tuple[ModelFile, ...]:
        from swictation.asr.engines.canary.files.archive import unpack

        return unpack(archive, target, progress, is_known=is_known)

    def weights_bytes(self, model: ModelSpec | None, folder: Path | None) -> int:
        # The file is fp32; memory has half of that, once, where callers allow for two copies.
        return model.size_bytes // 4 if model else 0

    def memory_plans(
        self, model: ModelSpec, folder: Path, options: msgspec.Struct
    ) -> tuple[MemoryPlan, ...]:
        from swictation.asr.engines.canary.memory import plans

        return plans.known(folder, _own(options).buffer_s, model.name)

    def memory_forecast(self, spec: EngineSpec) -> MemoryForecast | None:
        from swictation.asr.engines.canary.memory import plans

        return plans.forecast(spec)

    def forecast_call(self, folder: Path, model: str, options: msgspec.Struct) -> tuple[str, ...]:
        from swictation.asr.engines.canary.memory import plans

        buffer_s = _own(options).buffer_s
        if plans.kept(folder, buffer_s) or self.unavailable():
            return ()
        return (f"{_FOLDER}.memory.plans", str(folder), str(buffer_s))


def _own(options: msgspec.Struct) -> CanarySettings:
    assert isinstance(options, CanarySettings)
    return options
