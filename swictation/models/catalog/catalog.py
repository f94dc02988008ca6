"""The models known by name, and which of them a name and a language mean."""

from swictation.asr.model_spec import ModelSpec
from swictation.asr.registry import PROVIDERS, find
from swictation.config.render import closest
from swictation.config.settings import DEFAULT_ENGINE
from swictation.errors import ModelError

AUTO = "auto"


def known_models() -> tuple[ModelSpec, ...]:
    """The models of all installed engines, each engine's preferred ones first."""
    return tuple(spec for provider in PROVIDERS.values() for spec in provider.models or ())


def knows_models(engine: str) -> bool:
    """Whether that engine's models are known by name. If not, the engine finds its own."""
    provider = find(engine)
    return provider is not None and bool(provider.models)


def named(model: str) -> ModelSpec | None:
    """The model with that name, or with that repository on the hub; None if there is none."""
    return next((spec for spec in known_models() if model in (spec.name, spec.repo)), None)


def speaking(engine: str, language: str) -> list[ModelSpec]:
    """The engine's models that understand the language, preferred ones first. Raises ModelError."""
    found = _speaking(engine, language)
    if not found and find(engine) and not knows_models(engine):
        raise ModelError(
            f"the engine {engine} has no models that are known by name: it finds its own by"
            " [asr] model",
            "set [asr] model as its documentation says, in: swictation config path",
        )
    if not found:
        raise ModelError(
            f"no model of the engine {engine} understands the language {language!r}",
            "every language code: swictation model list --json",
        )
    return found


def choose(model: str, language: str, engine: str = DEFAULT_ENGINE) -> ModelSpec:
    """Choose the known model that `model` means for `language`.

    Args:
        model: "auto" (the engine's first that understands the language), a name, or a repository.
        language: ISO 639-1 code of the spoken language.
        engine: the model's engine; "": any, for a name.

    Raises:
        ModelError: the name is unknown, or the model does not understand the language.
    """
    if model == AUTO:
        return speaking(engine or DEFAULT_ENGINE, language)[0]
    spec = named(model)
    if spec is None:
        raise _unknown(model, engine)
    if engine and spec.engine != engine:
        raise ModelError(
            f"{spec.name} is a model of the engine {spec.engine}, not of {engine}",
            f'set [asr] engine = "{spec.engine}", or [asr] model = "{AUTO}"',
        )
    if language not in spec.languages:
        raise _wrong_language(spec, language)
    return spec


def _speaking(engine: str, language: str) -> list[ModelSpec]:
    return [it for it in known_models() if it.engine == engine and language in it.languages]


def _unknown(model: str, engine: str) -> ModelError:
    meant = closest(model, [AUTO, *(it.name for it in known_models() if engine in ("", it.engine))])
    hint = f"; did you mean {meant}?" if meant else ""
    return ModelError(f"there is no model {model!r}{hint}", "swictation model list")


def _wrong_language(spec: ModelSpec, language: str) -> ModelError:
    knows = f"{spec.languages[0]!r} only" if len(spec.languages) == 1 else "other languages"
    others = _speaking(spec.engine, language)
    other = "another [asr] language"
    if others:
        other = f'--model {others[0].name} ([asr] model = "{others[0].name}")'
    return ModelError(
        f"the model {spec.name} understands {knows}, not {language!r}",
        f"give --language {spec.languages[0]}, or {other}",
    )
