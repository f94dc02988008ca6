"""`swictation config`: check a configuration file, show the settings in force, print its path."""

import shlex
from collections.abc import Collection
from pathlib import Path

import click

from swictation import paths
from swictation.asr import registry
from swictation.cli.echo import echo, echo_lines
from swictation.cli.groups import Group
from swictation.config.load import Loaded, load
from swictation.config.render import render, render_defaults
from swictation.config.settings import Settings
from swictation.control.status import count
from swictation.errors import ConfigError, ModelError
from swictation.models.catalog.catalog import choose, knows_models
from swictation.models.store.store import is_path
from swictation.remedies import typeable


@click.group(cls=Group)
def config() -> None:
    """Check and show the configuration."""


@config.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
def check(file: Path | None) -> None:
    """Check FILE, or your own configuration.

    Reports all mistakes at once, each with its line.
    """
    loaded = _load(file, registry.names())
    _need_engine(loaded)
    _need_model(loaded)
    if loaded.path is None:
        own = paths.config_file()
        folder, name = shlex.quote(str(own.parent)), shlex.quote(str(own))
        echo(f"there is no {own}: the defaults are in force")
        make_one = f"mkdir -p {folder} && swictation config show --defaults > {name}"
        echo(f"  -> to create one: {typeable(make_one)}")
    else:
        echo(f"{loaded.path}: {_verdict(loaded)}")
    _note_uninstalled(loaded.settings)


def _need_engine(loaded: Loaded) -> None:
    """Raises ConfigError: its engine is broken. Of others that are, a warning is enough."""
    broken = registry.broken()
    if error := broken.pop(loaded.settings.asr.engine, None):
        where = loaded.path or "the defaults"
        raise ConfigError(f"{where}: [asr] engine: {error.message}", error.remedy)
    for error in broken.values():
        echo(f"warning: {error.message}", err=True)
        echo(f"  -> {typeable(error.remedy)}", err=True)


def _need_model(loaded: Loaded) -> None:
    """Raises ConfigError if there is no such model, or it does not understand the language."""
    asr = loaded.settings.asr
    if not knows_models(asr.engine) or is_path(asr.model):
        return
    try:
        choose(asr.model, asr.language, engine=asr.engine)
    except ModelError as error:
        where = loaded.path or "the defaults"
        raise ConfigError(f"{where}: [asr]: {error.message}", error.remedy) from error


def _verdict(loaded: Loaded) -> str:
    """The result: a file with warnings can be used, but does not do all that its author meant."""
    if not loaded.warnings:
        return "ok"
    return f"usable, with {count(len(loaded.warnings), 'warning')} (above)"


@config.command()
@click.option("--defaults", is_flag=True, help="Print the defaults with comments, ready to edit.")
def show(defaults: bool) -> None:
    """Print the settings in force, as TOML."""
    if defaults:
        echo_lines(render_defaults(registry.PROVIDERS), nl=False)
        return
    loaded = _load(None)
    echo(f"# {loaded.path or 'the defaults: there is no configuration file'}")
    echo()
    echo_lines(render(loaded.settings, registry.PROVIDERS), nl=False)


@config.command()
def path() -> None:
    """Print the path of your configuration file."""
    echo(paths.config_file())


def _note_uninstalled(settings: Settings) -> None:
    """Note an engine whose libraries are not installed, which is no mistake in the file."""
    for name in dict.fromkeys((settings.asr.engine, settings.asr.cpu_engine)):
        found = registry.find(name)
        if found and (error := found.unavailable()):
            command = error.remedy
            echo(f"note: the engine {name} is not installed; to install it: {command}", err=True)


def _load(file: Path | None, engines: Collection[str] = ()) -> Loaded:
    loaded = load(file, registry.PROVIDERS, engines)
    for warning in loaded.warnings:
        echo(f"warning: {warning}", err=True)
    return loaded
