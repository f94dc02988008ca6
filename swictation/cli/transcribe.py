"""`swictation transcribe`: sound files to text, by the same path as the microphone's."""

import asyncio
import os
from pathlib import Path

import click

from swictation.cli.common import (
    Overrides,
    config_option,
    ensure_for_files,
    overrides,
    report,
    settings_from,
    verbose_option,
)
from swictation.cli.echo import echo_json
from swictation.cli.main import EXIT_FAILURE, EXIT_INTERRUPTED, tell
from swictation.config.settings import Settings
from swictation.daemon.diagnostics import set_up
from swictation.daemon.files import FileSession, file_source, open_injector, sound_fault
from swictation.dictation.stream import Outcome
from swictation.errors import SwictationError
from swictation.hardening import hide_memory
from swictation.models.store.store import ModelLocation


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object a line, for each file."
)
@overrides
@config_option
@verbose_option
def transcribe(
    files: tuple[str, ...],
    as_json: bool,
    overrides: Overrides,
    config: Path | None,
    verbose: bool,
) -> int:
    """Turn sound files into text, one line each.

    Reads all formats that FFmpeg reads, at any sample rate, mono or stereo. A file that cannot be
    read is named on stderr, and the others are still transcribed; the exit code is then 1.
    """
    set_up(verbose=verbose)
    hide_memory()
    settings = settings_from(config, overrides)
    faults = [fault for name in files if (fault := sound_fault(Path(name)))]
    if len(faults) == len(files):  # or a model would be downloaded for nothing
        for fault in faults:
            tell(fault)
        return EXIT_FAILURE
    settings, model = ensure_for_files(settings, overrides)
    return asyncio.run(_transcribe(files, settings, model, as_json=as_json))


async def _transcribe(
    files: tuple[str, ...], settings: Settings, model: ModelLocation, *, as_json: bool
) -> int:
    is_fine = True
    async with FileSession(settings, model, events=None) as session:
        for name in files:
            sink = await open_injector("none" if as_json else "stdout", settings.inject)
            outcome = await session.play(file_source(Path(name)), sink)
            if outcome.is_interrupted:
                return EXIT_INTERRUPTED
            if as_json and (outcome.error is None or outcome.text):
                _print_json(name, outcome, settings, session)
            is_fine = report(outcome, name) and is_fine
            if outcome.undelivered:
                break
        _tell_who(session, settings)
    return 0 if is_fine else EXIT_FAILURE


def _tell_who(session: FileSession, settings: Settings) -> None:
    """Say so if another engine than the configured one has transcribed."""
    engine, model = session.serves
    if engine and engine != settings.asr.engine:
        why = session.stood_in.rstrip(".")
        tell(SwictationError(f"{engine} ({model}) transcribed, not {settings.asr.engine}: {why}."))


def _print_json(name: str, outcome: Outcome, settings: Settings, session: FileSession) -> None:
    engine, model = session.serves
    record = {
        "file": os.fsencode(name).decode(errors="replace"),  # a name need not be UTF-8
        "text": outcome.text,
        "language": settings.asr.language,
        "duration_s": round(outcome.duration_s, 3),
        "engine": {"name": engine, "model": model, "device": session.device},
        "segments": outcome.segments,
        "left_out": outcome.quarantined,
    }
    echo_json(record)
