"""Whisper's provider, an entry point of `swictation.engines`. Imports none of its libraries."""

import contextlib
from pathlib import Path
from pkgutil import resolve_name

import msgspec

from swictation.asr.engine import Engine, EngineSpec
from swictation.asr.engines.whisper import files, memory
from swictation.asr.engines.whisper.models import BASE, LARGE_V3_TURBO, SMALL, TINY_EN
from swictation.asr.engines.whisper.settings import WhisperSettings
from swictation.asr.memory_plan import MemoryPlan
from swictation.asr.model_spec import ModelSpec
from swictation.asr.provider import EngineProvider
from swictation.config.rules import Rule
from swictation.config.settings import Settings
from swictation.gpu.effects import MemoryForecast

_NAME = "whisper"
_FOLDER = "swictation.asr.engines.whisper"
_LONGEST_S = 30.0


def _fits_its_context(settings: Settings) -> bool:
    own = settings.engine_table(_NAME, WhisperSettings)
    return own.context_extra_s + settings.vad.max_utterance_s <= _LONGEST_S


class WhisperProvider(EngineProvider):
    """Whisper through CTranslate2, for a CPU first."""

    settings = WhisperSettings
    rules = (
        Rule(
            ((_NAME, "context_extra_s"),),
            "context_extra_s must be <= 10: whisper hears 30 s at once, and speech may take 20 of "
            "them",
            _fits_its_context,
            (("vad", "max_utterance_s"),),
        ),
    )
    gpu_query = f"{_FOLDER}.ask"
    models = (TINY_EN, BASE, SMALL, LARGE_V3_TURBO)
    own_folder = files.OWN_FOLDER
    are_plans_estimates = True

    def load(self, spec: EngineSpec) -> Engine:
        return resolve_name(f"{_FOLDER}.loading:load")(spec)

    def missing_files(self, folder: Path) -> list[str]:
        return files.missing(folder)

    def read_files(self, folder: Path) -> list[str]:
        return files.read_files(folder)

    def check_files(self, folder: Path) -> None:
        files.check(folder)

    def weights_bytes(self, model: ModelSpec | None, folder: Path | None) -> int:
        if folder:
            with contextlib.suppress(OSError):
                return (folder / files.WEIGHTS).stat().st_size
        return model.size_bytes if model else 0

    def memory_plans(
        self, model: ModelSpec, folder: Path, options: msgspec.Struct
    ) -> tuple[MemoryPlan, ...]:
        return memory.estimated_plans(model.parameters)

    def memory_forecast(self, spec: EngineSpec) -> MemoryForecast | None:
        return memory.forecast(spec)
