"""The model that the settings ask for: which one it is, whether it is here, how it comes here."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from swictation.asr.model_spec import NEMO, ModelSpec
from swictation.asr.provider import Progress
from swictation.asr.registry import is_for_card, provider
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


class Sought(msgspec.Struct, frozen=True):
    """What the settings come to: a name, or a path."""

    engine: str
    model: str
    language: str
    reason: str = ""
    """Why "auto" means this one."""


def asks_card(settings: Settings) -> bool:
    """Whether `seek` asks the card, and so may block for seconds."""
    asr = settings.asr
    return asr.model == AUTO and knows_models(asr.engine) and is_for_card(asr.engine)


def seek(settings: Settings) -> Sought:
    """Which model the settings mean. May ask the card, in a process of its own.

    Raises:
        ModelError: "auto", and no model speaks the language, or none fits the card.
    """
    asr = settings.asr
    if not asks_card(settings):
        return Sought(asr.engine, asr.model, asr.language)
    found = speaking(asr.engine, asr.language)
    choice = for_card(found, settings)
    if not choice.name:
        remedy = f'[asr] engine = "{DEFAULT_ENGINE}": swictation config path'
        raise ModelError(choice.reason, remedy)
    return Sought(asr.engine, choice.name, asr.language, choice.reason)


def missing(sought: Sought) -> str:
    """What `swictation model download` has to be told so that the model is there; "": it is.

    Raises:
        ModelError: no model is known by that name, or none for the language.
    """
    match _kept_here(sought):
        case Path() as path if not nemo_cache.is_unpacked(path):
            return str(path)
        case ModelSpec() as spec if quick_problems(spec):
            return spec.name
        case _:
            return ""


def unread(sought: Sought) -> str:
    """What `swictation model verify` has to be told, where something may have changed; "": nothing.

    Raises:
        ModelError: no model is known by that name, or none for the language.
    """
    match _kept_here(sought):
        case Path() as path if nemo_cache.is_unread(path):
            return str(path)
        case ModelSpec() as spec if is_unread(spec):
            return spec.name
        case _:
            return ""


def need_engine(sought: Sought) -> None:
    """Refuse to fetch gigabytes that nothing here could load. Raises ModelError."""
    error = provider(sought.engine).unavailable()
    if error and not is_path(sought.model):
        raise ModelError(
            f"the model {sought.model} is not here, and {error.message}",
            f"{error.remedy}; then: swictation model download {sought.model}",
        )


def find(sought: Sought, *, is_to_load: bool = True) -> ModelLocation:
    """Where the model is. Another engine than those known finds its own.

    Args:
        sought: which one.
        is_to_load: see `store.locate`.

    Raises:
        ModelError: it is not there, or does not understand the language: nothing is loaded for
            that to come out.
    """
    if not knows_models(sought.engine):
        return ModelLocation(sought.model, Path(sought.model))
    place = locate(sought.model, sought.language, engine=sought.engine, is_to_load=is_to_load)
    if place.languages and sought.language not in place.languages:
        raise _wrong_language(sought, place.languages)
    return msgspec.structs.replace(place, reason=sought.reason)


def obtain(sought: Sought, progress: Progress) -> ModelLocation:
    """Where the model is; a known one that is missing is fetched, an archive is unpacked. Blocks.

    Raises:
        ModelError: it is unknown, or cannot be had.
    """
    match _kept_here(sought):
        case Path() as path:
            if nemo_cache.is_unread(path):
                nemo_cache.verify(path, trust_seen=True)  # `is_unpacked` knows then
            nemo_cache.unpack_once(path, progress)
        case ModelSpec() as spec:
            if is_unread(spec):
                verify(spec, trust_seen=True)
            if quick_problems(spec):
                need_engine(sought)
                download(spec, progress)
        case None:
            pass
    return find(sought)


def for_card(specs: Sequence[ModelSpec], settings: Settings) -> choosing.Choice:
    """The best of these for the card that is there, or for the processor, if that is to compute.

    Args:
        specs: of one engine, at least one, the preferred ones first.
        settings: the device, the card and its thresholds, the precision.
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
        why = f"the engine {engine.name} does not tell what its models take"
        return choosing.choose(candidates, None, settings.vram, why_unknown=why)
    card = query.ask(settings.vram.gpu, limit_s=query.SOON_S)
    if card.trouble in query.NO_CARD and not any(it.is_installed for it in candidates):
        told = f"the engine {engine.name} wants a card, and there is none: {card.reason}"
        return choosing.Choice("", "", told)
    return choosing.choose(
        candidates,
        card.total_mib if card.is_usable else None,
        settings.vram,
        precision=getattr(options, "precision", AUTO),
        why_unknown=card.reason,
    )


def _wrong_language(sought: Sought, known: tuple[str, ...]) -> ModelError:
    """For a model of the user's own: of a known one `choose` says it, and which other would do."""
    return ModelError(
        f"the model {sought.model} understands {', '.join(known)}, not {sought.language!r}",
        f"give --language {known[0]}, or set [asr] language to one that it understands",
    )


def _kept_here(sought: Sought) -> Path | ModelSpec | None:
    """The user's own archive, or the known model; None: the engine, or the user, sees to it."""
    if not knows_models(sought.engine):
        return None
    if not is_path(sought.model):
        return choose(sought.model, sought.language, engine=sought.engine)
    path = Path(sought.model).expanduser().absolute()
    return path if path.name.endswith(NEMO) else None
