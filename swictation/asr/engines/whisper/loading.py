"""Loads a Whisper model with CTranslate2, onto the CPU or a GPU. Imported in the worker only."""

from pathlib import Path

import msgspec
from faster_whisper import WhisperModel  # pyright: ignore[reportMissingTypeStubs]

from swictation.asr.engine import Engine, EngineSpec
from swictation.asr.engines.whisper import files, gpu
from swictation.asr.engines.whisper.engine import WhisperEngine
from swictation.asr.engines.whisper.settings import WhisperSettings
from swictation.errors import EngineError
from swictation.paths import models_dir
from swictation.remedies import SPARE_MEMORY, is_out_of_memory


def load(spec: EngineSpec) -> Engine:
    """Load the model folder `spec.model_path` onto `spec.device`.

    Raises:
        EngineError: the folder holds no model that CTranslate2 can read, or the GPU cannot be
            used.
    """
    settings = msgspec.convert(spec.options, WhisperSettings)
    try:
        files.check(Path(spec.model_path))
        if spec.device == "cuda":
            return gpu.load(spec, settings)
        model = WhisperModel(
            spec.model_path,
            device="cpu",
            compute_type="int8",
            cpu_threads=settings.cpu_threads,
            local_files_only=True,
        )
        return WhisperEngine(model, spec, settings)
    except EngineError:
        raise
    except Exception as error:  # the tokenizer's errors have no narrower class
        is_ours = Path(spec.model_path).is_relative_to(models_dir())
        reason = " ".join(str(error).split()).rstrip(".")
        if is_out_of_memory(error):
            what = f"There is too little memory for the model {spec.model} ({reason})."
            raise EngineError(what, SPARE_MEMORY) from error
        raise EngineError(
            f"The model in {spec.model_path} cannot be loaded: {reason}.",
            f"swictation model download --force {spec.model}" if is_ours else files.OWN_FOLDER,
        ) from error
