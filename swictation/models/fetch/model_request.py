"""The model that the settings ask for: which one it is, whether it is here, how to fetch it."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from swictation.asr.model_spec import NEMO, ModelSpec
from swictation.asr.provider import Progress
from swictation.asr.registry import is_for_gpu, provider
from swictation.config.settings import DEFAULT_ENGINE, Settings
from swictation.errors import ModelError
from swictation.gpu.nvml import query
from swictation.models.catalog import choosing
from swictation.models.catalog.catalog import AUTO, choose, knows_models, speaking
from swictation.models.fetch.fetch import download
from swictation.models.store import nemo_cache
from swictation.models.store.store import (
    ModelLocation,
    folder_of,
    is_path,
    is_unread,
    locate,
    quick_problems,
    verify,
)


class ModelRequest(msgspec.Struct, frozen=True):
    """The model that the settings ask for: a name, or a path."""

    engine: str
    model: str
    language: str
    reason: str = ""
    """Why "auto" means this model."""


def asks_gpu(settings: Settings) -> bool:
    """Whether `resolve` reads the GPU, and so may block for seconds."""
    asr = settings.asr
    return asr.model == AUTO and knows_models(asr.engine) and is_for_gpu(asr.engine)


def resolve(settings: Settings) -> ModelRequest:
    """Decide which model the settings mean. May read the GPU, in its own process.

    Raises:
        ModelError: with "auto", no model understands the language, or none fits the GPU.
    """
    asr = settings.asr
    if not asks_gpu(settings):
        return ModelRequest(asr.engine, asr.model, asr.language)
    found = speaking(asr.engine, asr.language)
    choice = for_gpu(found, settings)
    if not choice.name:
        remedy = f'[asr] engine = "{DEFAULT_ENGINE}": swictation config path'
        raise ModelError(choice.reason, remedy)
    return ModelRequest(asr.engine, choice.name, asr.language, choice.reason)


def missing(request: ModelRequest) -> str:
    """The argument for `swictation model download` that fetches the model; "" if it is there.

    Raises:
        ModelError: no model is known by that name, or none for the language.
    """
    match _kept_here(request):
        case Path() as path if not nemo_cache.is_unpacked(path):
            return str(path)
        case ModelSpec() as spec if quick_problems(spec):
            return spec.name
        case _:
            return ""


def unread(request: ModelRequest) -> str:
    """The argument for `swictation model verify` if a file may have changed; "" if none may.

    Raises:
        ModelError: no model is known by that name, or none for the language.
    """
    match _kept_here(request):
        case Path() as path if nemo_cache.is_unread(path):
            return str(path)
        case ModelSpec() as spec if is_unread(spec):
            return spec.name
        case _:
            return ""


def need_engine(request: ModelRequest) -> None:
    """Raise ModelError if the engine's libraries are missing, before gigabytes are fetched."""
    error = provider(request.engine).unavailable()
    if error and not is_path(request.model):
        raise ModelError(
            f"the model {request.model} is not here, and {error.message}",
            f"{error.remedy} && swictation model download {request.model}",
        )


def find(request: ModelRequest, *, is_to_load: bool = True) -> ModelLocation:
    """Find the model on this machine. An engine without known models finds its own.

    Args:
        request: which model.
        is_to_load: see `store.locate`.

    Raises:
        ModelError: it is not there, or does not understand the language, as far as is known
            without loading it.
    """
    if not knows_models(request.engine):
        return ModelLocation(request.model, Path(request.model))
    place = locate(request.model, request.language, engine=request.engine, is_to_load=is_to_load)
    if place.languages and request.language not in place.languages:
        raise _wrong_language(request, place.languages)
    return msgspec.structs.replace(place, reason=request.reason)


def ensure(request: ModelRequest, progress: Progress) -> ModelLocation:
    """Find the model; fetch it first if it is a missing known one, unpack an archive. Blocks.

    Raises:
        ModelError: it is unknown, or cannot be fetched or unpacked.
    """
    match _kept_here(request):
        case Path() as path:
            if nemo_cache.is_unread(path):
                nemo_cache.verify(path, trust_seen=True)  # then `is_unpacked` knows the result
            nemo_cache.unpack_once(path, progress)
        case ModelSpec() as spec:
            if is_unread(spec):
                verify(spec, trust_seen=True)
            if quick_problems(spec):
                need_engine(request)
                download(spec, progress)
        case None:
            pass
    return find(request)


def for_gpu(specs: Sequence[ModelSpec], settings: Settings) -> choosing.Choice:
    """Choose the best of these models for the GPU, or for the CPU if that is configured.

    Args:
        specs: of one engine, at least one, the preferred ones first.
        settings: the device, the GPU and its thresholds, the precision.
    """
    engine = provider(specs[0].engine)
    options = engine.options(settings)
    candidates = [
        choosing.Candidate(
            it.name, engine.memory_plans(it, folder_of(it), options), not quick_problems(it)
        )
        for it in specs
    ]
    if settings.asr.device == "cpu":
        smallest = sorted(candidates, key=lambda it: it.plans[0].weights_mib if it.plans else 0.0)
        return choosing.choose(smallest, None, settings.vram, why_unknown='[asr] device is "cpu"')
    if not any(it.plans for it in candidates):
        why = f"the engine {engine.name} does not say how much memory its models take"
        return choosing.choose(candidates, None, settings.vram, why_unknown=why)
    gpu = query.ask(settings.vram.gpu, limit_s=query.SOON_S)
    if gpu.trouble in query.NO_GPU and not any(it.is_installed for it in candidates):
        message = f"the engine {engine.name} needs a GPU, and there is none: {gpu.reason}"
        return choosing.Choice("", "", message)
    return choosing.choose(
        candidates,
        gpu.total_mib if gpu.is_usable else None,
        settings.vram,
        precision=getattr(options, "precision", AUTO),
        why_unknown=gpu.reason,
    )


def _wrong_language(request: ModelRequest, known: tuple[str, ...]) -> ModelError:
    """The error for a model of the user's own; for a known one `choose` raises its own."""
    return ModelError(
        f"the model {request.model} understands {', '.join(known)}, not {request.language!r}",
        f"give --language {known[0]}, or set [asr] language to one that it understands",
    )


def _kept_here(request: ModelRequest) -> Path | ModelSpec | None:
    """The user's own archive, or the known model; None: we neither fetch nor unpack it."""
    if not knows_models(request.engine):
        return None
    if not is_path(request.model):
        return choose(request.model, request.language, engine=request.engine)
    path = Path(request.model).expanduser().absolute()
    return path if path.name.endswith(NEMO) else None
