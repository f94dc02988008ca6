"""What several commands share: configuration, model, and how an outcome is told."""

import re
from pathlib import Path

import click
import msgspec

from swictation.cli.main import tell
from swictation.cli.meter import Meter
from swictation.config.load import load
from swictation.config.settings import Settings
from swictation.daemon.stream import Outcome, SetAside
from swictation.errors import InjectError, SwictationError, UsageError
from swictation.models.obtaining import obtain, seek
from swictation.models.store import ModelLocation
from swictation.types import to_seconds

_LANGUAGE = re.compile(r"[a-z]{2,3}")

config_option = click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="Configuration file instead of the default one (see: swictation config path).",
)
language_option = click.option(
    "--language", metavar="L", help="Spoken language, an ISO 639-1 code such as en or de."
)
model_option = click.option(
    "--model", metavar="M", help="Model name, a folder with a model, or a .nemo."
)
verbose_option = click.option("-v", "--verbose", is_flag=True, help="Log what happens on stderr.")


def settings_from(config: Path | None, language: str | None, model: str | None) -> Settings:
    """The configuration, with what the command line says on top; warnings go to stderr.

    Raises:
        ConfigError: the file cannot be used.
    """
    loaded = load(config)
    for warning in loaded.warnings:
        click.echo(f"swictation: {warning}", err=True)
    if language and not _LANGUAGE.fullmatch(language):
        raise UsageError(
            f"{language!r} is no language code.", "try: --language en, or de, fr, es ..."
        )
    asr = loaded.settings.asr
    asr = msgspec.structs.replace(asr, language=language or asr.language, model=model or asr.model)
    return msgspec.structs.replace(loaded.settings, asr=asr)


def obtain_model(settings: Settings) -> ModelLocation:
    """Where the model lies that the settings ask for.

    A known one that is missing is fetched, a `.nemo` is unpacked.

    Raises:
        ModelError: it is unknown, or cannot be had.
    """
    meter = Meter(quiet=False)
    try:
        return obtain(seek(settings), meter)
    finally:
        meter.close()


def _left_out(piece: SetAside, where: str) -> SwictationError:
    span = f"{piece.start_s:.1f}-{piece.end_s:.1f} s"
    is_kept = bool(piece.path) and Path(piece.path).exists()
    lost = "" if is_kept else " Its sound is not kept."
    return SwictationError(
        f"{where} at {span}: the engine died on it twice, so it was left out.{lost}",
        f"its sound is kept: swictation transcribe {piece.path}" if is_kept else "",
    )


def report(outcome: Outcome, where: str) -> bool:
    """Tell on stderr what went wrong; True where nothing did."""
    problems: list[SwictationError] = []
    if outcome.error:
        problems.append(outcome.error)
    problems += [_left_out(piece, where) for piece in outcome.set_aside]
    if outcome.lost_samples:
        seconds = to_seconds(outcome.lost_samples)
        problems.append(SwictationError(f"{where}: {seconds:.1f} s of sound were lost."))
    if outcome.undelivered:
        problems.append(InjectError(f"The text cannot be delivered: {outcome.undelivered}."))
    for problem in problems:
        tell(problem)
    return not problems
