"""What several commands share: configuration, model, and reporting an outcome."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import click
import msgspec

from swictation.asr.memory_plan import PRECISIONS
from swictation.asr.registry import PROVIDERS, provider, unpacker
from swictation.cli.echo import echo
from swictation.cli.main import tell
from swictation.cli.meter import Meter
from swictation.config.languages import language_meant, unknown_language
from swictation.config.load import Loaded, load
from swictation.config.settings import Settings
from swictation.dictation.stream import Outcome, Quarantined
from swictation.errors import InjectError, ModelError, SwictationError, UsageError
from swictation.gpu.nvml import query
from swictation.models.catalog.catalog import named
from swictation.models.fetch.model_request import ensure, resolve
from swictation.models.store.store import ModelLocation
from swictation.types import to_seconds
from swictation.worker.engine_choice import fallback, wants_gpu

config_option = click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="Configuration file instead of the default one (see: swictation config path).",
)
_language = click.option(
    "--language", metavar="L", help="Spoken language, an ISO 639-1 code such as en or de."
)
_model = click.option("--model", metavar="M", help="Name of a model, a model's folder, or a .nemo.")
_engine = click.option(
    "--engine", metavar="E", help="Engine that transcribes (see: swictation model list)."
)
_device = click.option(
    "--device", type=click.Choice(["auto", "cpu", "cuda"]), help="Where the engine computes."
)
_precision = click.option(
    "--precision",
    type=click.Choice(["auto", *PRECISIONS]),
    help="Numeric precision of the engine, if it has a choice.",
)
verbose_option = click.option("-v", "--verbose", is_flag=True, help="Log to stderr what happens.")


class Overrides(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line says about the engine; None: as configured."""

    language: str | None = None
    model: str | None = None
    engine: str | None = None
    device: Literal["auto", "cpu", "cuda"] | None = None
    precision: Literal["auto", "fp16", "bf16", "fp32", "int8"] | None = None
    defaults: Settings = Settings()
    """What holds where the configuration says nothing; tests pass theirs to `cli.main.main`."""


_OPTIONS = tuple(name for name in Overrides.__struct_fields__ if name != "defaults")


def overrides(command: Callable[..., int]) -> Callable[..., int]:
    """Give a command the options that become its argument `overrides`."""

    @functools.wraps(command)
    def with_overrides(**arguments: Any) -> int:  # noqa: ANN401 - click's own
        chosen = {name: arguments.pop(name) for name in _OPTIONS}
        if defaults := click.get_current_context().find_object(Settings):
            chosen["defaults"] = defaults
        return command(overrides=Overrides(**chosen), **arguments)

    for option in (_precision, _device, _engine, _model, _language):
        with_overrides = option(with_overrides)
    return with_overrides


_NO_OVERRIDES = Overrides()


def settings_from(config: Path | None, overrides: Overrides = _NO_OVERRIDES) -> Settings:
    """As `loaded_from`; warnings go to stderr."""
    loaded = loaded_from(config, overrides)
    for warning in loaded.warnings:
        echo(f"swictation: {warning}", err=True)
    return loaded.settings


def loaded_from(config: Path | None, overrides: Overrides = _NO_OVERRIDES) -> Loaded:
    """The configuration with the command line's overrides.

    Raises:
        ConfigError: the file cannot be used.
        UsageError: the command line cannot be used.
    """
    loaded = load(config, PROVIDERS, defaults=overrides.defaults)
    return msgspec.structs.replace(loaded, settings=_overridden(loaded.settings, overrides))


def _overridden(settings: Settings, overrides: Overrides) -> Settings:
    if overrides.language:
        overrides = msgspec.structs.replace(overrides, language=_code(overrides.language))
    owner = _engine_of(overrides.model)
    engine = overrides.engine or owner
    if owner and engine != owner:
        raise UsageError(
            f"{overrides.model} is a model of {owner}, not of {engine}.",
            "leave out --engine or --model",
        )
    if engine and engine != settings.asr.engine:
        provider(engine)
        # The configured model belongs to another engine.
        settings = _with(settings, "asr", engine=engine, model="auto")
    names = ("language", "model", "device")
    chosen = {name: value for name in names if (value := getattr(overrides, name))}
    settings = _with(settings, "asr", **chosen)
    return _with_precision(settings, overrides.precision) if overrides.precision else settings


def _with_precision(settings: Settings, precision: str) -> Settings:
    own = provider(settings.asr.engine)
    options = own.options(settings)
    if not hasattr(options, "precision"):
        return settings
    changed = msgspec.structs.replace(options, precision=precision)
    return msgspec.structs.replace(settings, engines=settings.engines | {own.name: changed})


def _code(language: str) -> str:
    """The code of a language. Raises UsageError."""
    if code := language_meant(language):
        return code
    remedy = "every language code: swictation model list --json"
    hint = unknown_language(language)
    raise UsageError(f"No engine knows the language {language!r}{hint}", remedy)


def ensure_for_files(settings: Settings, overrides: Overrides) -> tuple[Settings, ModelLocation]:
    """The settings to transcribe files with, and where the model is. Files may take longer.

    Without a GPU, an engine made for one computes on the CPU here; a dictation takes the fallback
    instead, which keeps up with a speaker. The fallback also serves here if the configured model
    is not available, unless the command line names the engine or the model.

    Raises:
        ModelError: no model is available.
    """
    settings = _on_what_there_is(settings)
    try:
        model = ensure_model(settings)
    except ModelError as error:
        other = fallback(settings)
        is_named = overrides.engine or overrides.model
        if is_named or other is None or other.asr.engine == settings.asr.engine:
            raise
        tell(error)
        _say(f"{other.asr.engine} transcribes instead")
        return other, ensure_model(other)
    if provider(settings.asr.engine).is_for_gpu:
        _say(f"loading {model.name}, which takes a while")
    return settings, model


def _on_what_there_is(settings: Settings) -> Settings:
    if settings.asr.device != "auto" or not wants_gpu(settings):
        return settings
    if query.ask(settings.vram.gpu, limit_s=query.SOON_S).trouble not in query.NO_GPU:
        return settings
    _say(f"no NVIDIA GPU here: {settings.asr.engine} computes on the CPU, which is slower")
    return _with(settings, "asr", device="cpu")


def _say(text: str) -> None:
    echo(f"swictation: {text}", err=True)


def _engine_of(model: str | None) -> str | None:
    """The engine that the model belongs to; None if its name does not say."""
    if model is None:
        return None
    if spec := named(model):
        return spec.engine
    found = unpacker(model)
    return found.name if found else None


def _with(settings: Settings, table: str, **values: Any) -> Settings:  # noqa: ANN401
    changed = msgspec.structs.replace(getattr(settings, table), **values)
    return msgspec.structs.replace(settings, **{table: changed})


def ensure_model(settings: Settings) -> ModelLocation:
    """Where the model is that the settings ask for.

    A known model that is missing is downloaded, a `.nemo` is unpacked.

    Raises:
        ModelError: it is unknown, or not available.
    """
    with Meter() as meter:
        return ensure(resolve(settings), meter)


def _left_out(piece: Quarantined, where: str) -> SwictationError:
    span = f"{piece.start_s:.1f}-{piece.end_s:.1f} s"
    is_kept = bool(piece.path) and Path(piece.path).exists()
    lost = "" if is_kept else " Its sound is not kept."
    return SwictationError(
        f"{where} at {span}: the engine died on it twice, so it was left out.{lost}",
        f"its sound is kept; to try it again: swictation transcribe {piece.path}"
        if is_kept
        else "",
    )


def report(outcome: Outcome, where: str) -> bool:
    """Print on stderr what went wrong; True if nothing did."""
    problems: list[SwictationError] = []
    if outcome.error:
        problems.append(outcome.error)
    problems += [_left_out(piece, where) for piece in outcome.quarantined]
    if outcome.lost_samples:
        seconds = to_seconds(outcome.lost_samples)
        problems.append(SwictationError(f"{where}: {seconds:.1f} s of sound were lost."))
    if outcome.undelivered:
        problems.append(InjectError(f"The text cannot be delivered: {outcome.undelivered}."))
    for problem in problems:
        tell(problem)
    return not problems
