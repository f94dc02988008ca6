"""The model that the settings ask for: which one it is, whether it is here, how it comes here."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from swictation.config.settings import Settings
from swictation.errors import ModelError
from swictation.models import choosing, extras, plans, unpacked
from swictation.models.catalog import AUTO, CANARY, CATALOG, choose, speaking
from swictation.models.fetch import download
from swictation.models.spec import NEMO, ModelSpec
from swictation.models.staging import Progress
from swictation.models.store import (
    ModelLocation,
    folder_of,
    is_path,
    is_unread,
    locate,
    quick_problems,
    verify,
)
from swictation.vram import asking

_ENGINES = {spec.engine for spec in CATALOG}


class Sought(msgspec.Struct, frozen=True):
    """What the settings come to: a name, or a path."""

    engine: str
    model: str
    language: str
    reason: str = ""
    """Why "auto" means this one."""


def asks_card(settings: Settings) -> bool:
    """Whether `seek` asks the card, and so may block for seconds."""
    return settings.asr.engine == CANARY and settings.asr.model == AUTO


def seek(settings: Settings, catalog: Sequence[ModelSpec] = CATALOG) -> Sought:
    """Which model the settings mean. May ask the card, in a process of its own.

    Raises:
        ModelError: "auto", and no model speaks the language, or none fits the card.
    """
    asr = settings.asr
    if not asks_card(settings):
        return Sought(asr.engine, asr.model, asr.language)
    found = speaking(CANARY, asr.language, catalog)
    choice = for_card(found, settings)
    if not choice.name:
        raise ModelError(choice.reason, '[asr] engine = "whisper": swictation config path')
    return Sought(CANARY, choice.name, asr.language, choice.reason)


def missing(sought: Sought) -> str:
    """What `swictation model download` has to be told so that the model is there; "": it is.

    Raises:
        ModelError: no model is known by that name, or none for the language.
    """
    if sought.engine not in _ENGINES:
        return ""
    if is_path(sought.model):
        path = _path(sought)
        return str(path) if _is_archive(path) and not unpacked.is_unpacked(path) else ""
    spec = _spec(sought)
    return spec.name if quick_problems(spec) else ""


def unread(sought: Sought) -> str:
    """What `swictation model verify` has to be told, where something may have changed; "": nothing.

    Raises:
        ModelError: no model is known by that name, or none for the language.
    """
    if sought.engine not in _ENGINES:
        return ""
    if is_path(sought.model):
        path = _path(sought)
        return str(path) if _is_archive(path) and unpacked.is_unread(path) else ""
    spec = _spec(sought)
    return spec.name if is_unread(spec) else ""


def need_engine(sought: Sought) -> None:
    """Refuse to fetch gigabytes that nothing here could load. Raises ModelError."""
    if sought.engine == CANARY and not is_path(sought.model) and not extras.has_canary():
        raise ModelError(
            f"the model {sought.model} is not here, nor are torch and NeMo, which it needs",
            f"{extras.install_command(CANARY)}; then: swictation model download {sought.model}",
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
    if sought.engine not in _ENGINES:
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
    _read_again(sought)
    if missing(sought):
        need_engine(sought)
        if is_path(sought.model):
            unpacked.unpack_once(_path(sought), progress)
        else:
            download(_spec(sought), progress)
    return find(sought)


def _read_again(sought: Sought) -> None:
    """What may have changed is read; `missing` knows then."""
    if not unread(sought):
        return
    if is_path(sought.model):
        unpacked.verify(_path(sought), trust_seen=True)
    else:
        verify(_spec(sought), trust_seen=True)


def for_card(specs: Sequence[ModelSpec], settings: Settings) -> choosing.Choice:
    """The best of these for the card that is there, or for the processor, if that is to compute.

    Args:
        specs: Canaries, at least one, the preferred ones first.
        settings: the device, the card and its thresholds, the precision.
    """
    wish = settings.canary
    candidates = [
        choosing.Candidate(
            it.name, plans.known(it, folder_of(it), wish.buffer_s), not quick_problems(it)
        )
        for it in specs
    ]
    if settings.asr.device == "cpu":
        smallest = sorted(candidates, key=lambda it: it.plans[0].weights_mib)
        return choosing.choose(smallest, None, settings.vram, why_unknown='[asr] device is "cpu"')
    card = asking.ask(settings.vram.gpu, limit_s=asking.SOON_S)
    if card.trouble in asking.NO_CARD and not any(it.is_installed for it in candidates):
        return choosing.Choice("", "", f"Canary wants a card, and there is none: {card.reason}")
    return choosing.choose(
        candidates,
        card.total_mib if card.is_usable else None,
        settings.vram,
        precision=wish.precision,
        why_unknown=card.reason,
    )


def _wrong_language(sought: Sought, known: tuple[str, ...]) -> ModelError:
    """For a model of the user's own: of a known one `choose` says it, and which other would do."""
    return ModelError(
        f"the model {sought.model} understands {', '.join(known)}, not {sought.language!r}",
        f"give --language {known[0]}, or set [asr] language to one that it understands",
    )


def _spec(sought: Sought) -> ModelSpec:
    return choose(sought.model, sought.language, engine=sought.engine)


def _path(sought: Sought) -> Path:
    return Path(sought.model).expanduser().absolute()


def _is_archive(path: Path) -> bool:
    return path.name.endswith(NEMO)
