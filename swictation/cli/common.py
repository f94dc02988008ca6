"""What several commands share: configuration, model, and how an outcome is told."""

from pathlib import Path

import click
import msgspec

from swictation.cli.main import tell
from swictation.cli.model import Meter
from swictation.config.load import load
from swictation.config.settings import Settings
from swictation.daemon.stream import Outcome
from swictation.errors import InjectError, SwictationError
from swictation.models.catalog import CATALOG, choose
from swictation.models.fetch import download
from swictation.models.store import ModelLocation, locate, quick_problems
from swictation.types import to_seconds

WHISPER = "whisper"

config_option = click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="Configuration file instead of the default one (see: swictation config path).",
)
language_option = click.option(
    "--language", metavar="L", help="Spoken language, an ISO 639-1 code such as en or de."
)
model_option = click.option("--model", metavar="M", help="Model name, or a folder with a model.")
verbose_option = click.option("-v", "--verbose", is_flag=True, help="Log what happens on stderr.")


def settings_from(config: Path | None, language: str | None, model: str | None) -> Settings:
    """The configuration, with what the command line says on top; warnings go to stderr.

    Raises:
        ConfigError: the file cannot be used.
    """
    loaded = load(config)
    for warning in loaded.warnings:
        click.echo(f"swictation: {warning}", err=True)
    asr = loaded.settings.asr
    asr = msgspec.structs.replace(asr, language=language or asr.language, model=model or asr.model)
    return msgspec.structs.replace(loaded.settings, asr=asr)


def obtain_model(settings: Settings) -> ModelLocation:
    """Where the model lies that the settings ask for; a known one that is missing is fetched.

    Raises:
        ModelError: it is unknown, or cannot be had.
    """
    asr = settings.asr
    if asr.engine != WHISPER:
        return ModelLocation(asr.model, Path(asr.model))
    if asr.model in {"auto", *(spec.name for spec in CATALOG)}:
        spec = choose(asr.model, asr.language)
        if quick_problems(spec):
            meter = Meter(quiet=False)
            try:
                return download(spec, meter)
            finally:
                meter.close()
    return locate(asr.model, asr.language)


def report(outcome: Outcome, where: str) -> bool:
    """Tell on stderr what went wrong; True where nothing did."""
    problems: list[SwictationError] = []
    if outcome.error:
        problems.append(outcome.error)
    for piece in outcome.set_aside:
        span = f"{piece.start_s:.1f}-{piece.end_s:.1f} s"
        problems.append(
            SwictationError(
                f"{where} at {span}: the engine died on it twice, so it was left out.",
                f"its sound is kept: swictation transcribe {piece.path}" if piece.path else "",
            )
        )
    if outcome.lost_samples:
        seconds = to_seconds(outcome.lost_samples)
        problems.append(SwictationError(f"{where}: {seconds:.1f} s of sound were lost."))
    if outcome.undelivered:
        problems.append(InjectError(f"The text cannot be delivered: {outcome.undelivered}."))
    for problem in problems:
        tell(problem)
    return not problems
