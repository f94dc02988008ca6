"""`swictation run`: listen in the foreground."""

import asyncio
from importlib.resources import as_file, files
from pathlib import Path
from typing import Literal

import click

from swictation.cli.common import (
    config_option,
    language_option,
    model_option,
    obtain_model,
    report,
    settings_from,
    verbose_option,
)
from swictation.cli.main import EXIT_FAILURE, EXIT_INTERRUPTED, tell
from swictation.daemon.logs import set_up
from swictation.daemon.wiring import Pace, Session, file_source, injector
from swictation.errors import SwictationError

_NO_MICROPHONE = SwictationError(
    "No microphone: this version listens to files only. Here is its own sample instead.",
    "for a file of your own: swictation run --source FILE",
)


@click.command()
@click.option("--source", default="mic", metavar="mic|FILE", help="What to listen to.")
@click.option(
    "--sink",
    type=click.Choice(["auto", "stdout", "none"]),
    default="auto",
    help="Where the text goes; auto: to the terminal.",
)
@click.option(
    "--pace",
    type=click.Choice(["realtime", "fast"]),
    default="fast",
    help="Play a file at the speed of speech, or as fast as it can be transcribed.",
)
@click.option(
    "--events",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write what happens as lines of JSON; they hold the text.",
)
@language_option
@model_option
@config_option
@verbose_option
def run(
    source: str,
    sink: Literal["auto", "stdout", "none"],
    pace: Pace,
    events: Path | None,
    language: str | None,
    model: str | None,
    config: Path | None,
    verbose: bool,
) -> int:
    """Listen, and deliver the words as they are recognised.

    A file needs neither desktop nor sound server; at its end everything is delivered.
    """
    set_up(verbose=verbose)
    settings = settings_from(config, language, model)
    location = obtain_model(settings)
    if source == "mic":
        tell(_NO_MICROPHONE)

    async def listen(path: Path) -> int:
        async with Session(settings, location, events) as session:
            outcome = await session.play(
                file_source(path, pace), injector("none" if sink == "none" else "stdout")
            )
        if not report(outcome, str(path)):
            return EXIT_FAILURE
        return EXIT_INTERRUPTED if outcome.is_interrupted else 0

    with as_file(files("swictation") / "assets" / "sample.flac") as sample:
        return asyncio.run(listen(sample if source == "mic" else Path(source)))
