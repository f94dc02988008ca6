"""The models known by name, and which one of them a name and a language mean."""

import difflib
from collections.abc import Sequence

from swictation.asr.model_spec import ModelSpec
from swictation.asr.registry import PROVIDERS, find
from swictation.config.settings import DEFAULT_ENGINE
from swictation.errors import ModelError

AUTO = "auto"

Catalog = Sequence[ModelSpec] | None
"""Known models, of each engine the preferred ones first; None: those of all installed engines."""


def known_models() -> tuple[ModelSpec, ...]:
    """Those of all installed engines, of each the preferred ones first."""
    return tuple(spec for provider in PROVIDERS.values() for spec in provider.models or ())


def knows_models(engine: str) -> bool:
    """Whether that engine's models are known by name; another one finds its own."""
    provider = find(engine)
    return provider is not None and bool(provider.models)


def named(model: str, catalog: Catalog = None) -> ModelSpec | None:
    """The model of that name, or of that repository on the hub."""
    known = known_models() if catalog is None else catalog
    return next((spec for spec in known if model in (spec.name, spec.repo)), None)


def speaking(engine: str, language: str, catalog: Catalog = None) -> list[ModelSpec]:
    """The engine's models that understand the language, preferred ones first. Raises ModelError."""
    known = known_models() if catalog is None else catalog
    found = [spec for spec in known if spec.engine == engine and language in spec.languages]
    if not found:
        raise ModelError(
            f"no model of the engine {engine} understands the language {language!r}",
            "every language code: swictation model list --json",
        )
    return found


def choose(
    model: str, language: str, catalog: Catalog = None, engine: str = DEFAULT_ENGINE
) -> ModelSpec:
    """The known model that `model` means for `language`.

    Args:
        model: "auto" (the engine's first that understands the language), a name, or a repository.
        language: ISO 639-1 code of the spoken language.
        catalog: see `Catalog`.
        engine: whose model it is to be; "": any engine's, for a name.

    Raises:
        ModelError: the name is unknown, or the model does not understand the language.
    """
    catalog = known_models() if catalog is None else catalog
    if model == AUTO:
        return speaking(engine or DEFAULT_ENGINE, language, catalog)[0]
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
