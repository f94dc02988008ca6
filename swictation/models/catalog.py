"""The models known by name, and which one of them a name and a language mean."""

import difflib
from collections.abc import Sequence

from swictation.errors import ModelError
from swictation.models.known_canary import CANARY_1B_FLASH, CANARY_1B_V2, CANARY_180M_FLASH
from swictation.models.known_whisper import BASE, LARGE_V3_TURBO, SMALL, TINY_EN
from swictation.models.spec import ModelSpec

AUTO = "auto"
WHISPER, CANARY = "whisper", "canary"
"""The engines whose models are known here; another one finds its own."""

CATALOG: tuple[ModelSpec, ...] = (
    *(TINY_EN, BASE, SMALL, LARGE_V3_TURBO),
    *(CANARY_1B_FLASH, CANARY_1B_V2, CANARY_180M_FLASH),
)
"""Of each engine the preferred ones first: whisper's by what a processor can do with ease, canary's
by accuracy."""


def named(model: str, catalog: Sequence[ModelSpec] = CATALOG) -> ModelSpec | None:
    """The model of that name, or of that repository on the hub."""
    return next((spec for spec in catalog if model in (spec.name, spec.repo)), None)


def speaking(engine: str, language: str, catalog: Sequence[ModelSpec] = CATALOG) -> list[ModelSpec]:
    """The engine's models that understand the language, preferred ones first. Raises ModelError."""
    found = [spec for spec in catalog if spec.engine == engine and language in spec.languages]
    if not found:
        raise ModelError(
            f"no model of the engine {engine} understands the language {language!r}",
            "every language code: swictation model list --json",
        )
    return found


def choose(
    model: str, language: str, catalog: Sequence[ModelSpec] = CATALOG, engine: str = WHISPER
) -> ModelSpec:
    """The known model that `model` means for `language`.

    Args:
        model: "auto" (the engine's first that understands the language), a name, or a repository.
        language: ISO 639-1 code of the spoken language.
        catalog: the known models, preferred ones first.
        engine: whose model it is to be; "": any engine's, for a name.

    Raises:
        ModelError: the name is unknown, or the model does not understand the language.
    """
    if model == AUTO:
        return speaking(engine or WHISPER, language, catalog)[0]
    spec = named(model, catalog)
    if spec is None:
        raise _unknown(model, catalog, engine)
    if engine and spec.engine != engine:
        raise ModelError(
            f"{spec.name} is a model of the engine {spec.engine}, not of {engine}",
            f'set [asr] engine = "{spec.engine}", or [asr] model = "{AUTO}"',
        )
    if language not in spec.languages:
        raise _wrong_language(spec, language, catalog)
    return spec


def _unknown(model: str, catalog: Sequence[ModelSpec], engine: str) -> ModelError:
    names = [AUTO, *(spec.name for spec in catalog if engine in ("", spec.engine))]
    near = difflib.get_close_matches(model, names, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    return ModelError(f"there is no model {model!r}{hint}", "swictation model list")


def _wrong_language(spec: ModelSpec, language: str, catalog: Sequence[ModelSpec]) -> ModelError:
    knows = f"{spec.languages[0]!r} only" if len(spec.languages) == 1 else "other languages"
    others = [it for it in catalog if it.engine == spec.engine and language in it.languages]
    other = f'[asr] model = "{others[0].name}"' if others else "another [asr] language"
    return ModelError(
        f"the model {spec.name} understands {knows}, not {language!r}",
        f"give --language {spec.languages[0]}, or set {other}",
    )
