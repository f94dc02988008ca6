"""`swictation run`: listen in the foreground. The systemd service starts this, too."""

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from importlib.resources import as_file, files
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any, Literal

import click

from swictation.audio.microphone import portaudio
from swictation.cli.common import (
    Overrides,
    config_option,
    ensure_for_files,
    ensure_model,
    loaded_from,
    overrides,
    report,
    settings_from,
    verbose_option,
)
from swictation.cli.echo import echo_lines
from swictation.cli.main import EXIT_FAILURE, EXIT_INTERRUPTED, tell
from swictation.config.injectors import BUILT_IN, NEED_DISPLAY, plug_ins
from swictation.config.load import Loaded
from swictation.config.settings import Settings
from swictation.daemon.diagnostics import set_up
from swictation.daemon.systemd import is_unit
from swictation.errors import AudioError, SwictationError, UsageError
from swictation.remedies import typeable

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

_SINKS = ("auto", "stdout", "none", "wayland", "x11", "x11-type", "x11-paste", "clipboard")

_SOUND_LOADS_S = 5.0
"""More than PortAudio takes to load; a sound server that is frozen must not hold up the end."""
_NO_MICROPHONE = SwictationError(
    "No microphone was found. Here is the sample that comes with swictation instead.",
    "for a file of your own: swictation run --source FILE",
)
_NO_DESKTOP = SwictationError(
    "No window system was found ($WAYLAND_DISPLAY and $DISPLAY are not set): text appears here.",
    "to dictate into windows, start it from a terminal on the desktop",
)
_NOT_STDOUT = UsageError(
    "A service cannot write to stdout: the journal would keep every word.",
    "leave out --sink stdout, and stdout in [inject] chain",
)
_LISTENING = "Listening: put the cursor where the text should appear, and speak. Ctrl-C ends it."
_LISTENING_HERE = "Listening: speak, and the text appears here. Ctrl-C ends it."
_WAITING = "Ready. To dictate, press your hotkey, or type: swictation toggle\nCtrl-C ends it."


class _SinkOption(click.Option):
    """Knows the plug-ins, too. What is installed is looked at only where it matters: 30 ms."""

    def _add_plug_ins(self) -> None:
        self.type = click.Choice((*_SINKS, *plug_ins()))

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        self._add_plug_ins()
        return super().get_help_record(ctx)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> "list[CompletionItem]":
        self._add_plug_ins()
        return super().shell_complete(ctx, incomplete)

    def type_cast_value(self, ctx: click.Context, value: Any) -> Any:  # noqa: ANN401 - click's
        if value not in _SINKS:
            self._add_plug_ins()
        return super().type_cast_value(ctx, value)


@click.command()
@click.option("--source", default="mic", metavar="mic|FILE", help="The microphone, or a file.")
@click.option(
    "--sink",
    cls=_SinkOption,
    type=click.Choice(_SINKS),
    default="auto",
    help="Where the text goes; auto: as in [inject] chain, or for a file to stdout.",
)
@click.option(
    "--pace",
    type=click.Choice(["realtime", "fast"]),
    default="fast",
    help="Play a file at the speed of speech, or as fast as it can be transcribed.",
)
@click.option("--listen", is_flag=True, help="Listen at once, without waiting for a hotkey.")
@click.option(
    "--events",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write what happens to FILE as lines of JSON, which contain the text.",
)
@overrides
@config_option
@verbose_option
def run(
    source: str,
    sink: str,
    pace: Literal["realtime", "fast"],
    listen: bool,
    events: Path | None,
    overrides: Overrides,
    config: Path | None,
    verbose: bool,
) -> int:
    """Listen to the microphone and type what is said.

    It waits for a hotkey or for `swictation toggle`, and runs until Ctrl-C. With a file as --source
    it needs neither desktop nor sound server, and ends when all of its text is delivered.
    """
    set_up(verbose=verbose)
    settings = settings_from(config, overrides)
    if source != "mic":
        if sink in NEED_DISPLAY:
            raise UsageError(
                f"A file's text goes to stdout or nowhere, not to {sink}.",
                "leave out --sink, or use --sink none",
            )
        return _play(settings, overrides, Path(source), sink, pace, events)
    if listen and _has_no_microphone():
        tell(_NO_MICROPHONE)
        with as_file(files("swictation") / "assets" / "sample.flac") as sample:
            return _play(settings, overrides, sample, sink, pace, events)
    chain = _chain(settings, sink)
    if listen:
        ensure_model(settings)  # somebody waits: show the progress
    return _serve(lambda: loaded_from(config, overrides), chain, events, listen=listen)


def _play(
    settings: Settings,
    overrides: Overrides,
    path: Path,
    sink: str,
    pace: Literal["realtime", "fast"],
    events: Path | None,
) -> int:
    from swictation.daemon.files import FileSession, file_source, open_injector, sound_fault

    if fault := sound_fault(path):  # or a model would be downloaded for nothing
        raise fault
    settings, location = ensure_for_files(settings, overrides)

    is_ours = sink in {"auto", *BUILT_IN} - {"none"}

    async def play() -> int:
        injector = await open_injector("stdout" if is_ours else sink, settings.inject)
        try:
            async with FileSession(settings, location, events) as session:
                outcome = await session.play(file_source(path, pace), injector)
        finally:
            await injector.close()
        if not report(outcome, str(path)):
            return EXIT_FAILURE
        return EXIT_INTERRUPTED if outcome.is_interrupted else 0

    return asyncio.run(play())


def _serve(
    load_settings: Callable[[], Loaded],
    chain: tuple[str, ...],
    events: Path | None,
    *,
    listen: bool,
) -> int:
    loading = Thread(target=_load_portaudio, name="microphone", daemon=True)
    loading.start()
    from swictation.daemon.app import Daemon, Options

    def say() -> None:
        if not is_unit():
            listening = _LISTENING_HERE if chain == ("stdout",) else _LISTENING
            echo_lines(listening if listen else typeable(_WAITING), err=True)

    options = Options(load_settings, chain, events, listens_at_once=listen, on_ready=say)
    try:
        asyncio.run(Daemon(options).run())
    finally:  # while PortAudio loads, it owns stderr and does not survive an exit
        loading.join(_SOUND_LOADS_S)
    return 0


def _load_portaudio() -> None:
    """Load PortAudio, which asks the sound server for devices, while the rest loads."""
    with suppress(AudioError):  # the device monitor will report it
        portaudio.load()


def _chain(settings: Settings, sink: str) -> tuple[str, ...]:
    """The injectors to try, by `--sink` or by the configuration.

    Raises:
        UsageError: a service would write text to its journal.
    """
    wanted = settings.inject.chain if sink == "auto" else (sink,)
    if is_unit():
        if "stdout" in wanted:
            raise _NOT_STDOUT
    elif NEED_DISPLAY.issuperset(wanted) and sink == "auto" and not _has_display():
        tell(_NO_DESKTOP)
        return ("stdout",)
    return wanted


def _has_display() -> bool:
    return bool(os.environ.get("WAYLAND_DISPLAY") or os.environ.get("DISPLAY"))


def _has_no_microphone() -> bool:
    from swictation.daemon.wiring import has_microphone

    try:
        return not has_microphone()
    except AudioError as error:
        tell(error)
        return True
