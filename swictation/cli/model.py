"""`swictation model`: the speech models on this machine."""

import sys
from collections.abc import Sequence
from typing import Any

import click
import msgspec

from swictation.models.catalog import AUTO, CATALOG, ModelSpec, choose
from swictation.models.fetch import download as fetch_model
from swictation.models.store import (
    absent,
    damaged,
    folder_of,
    is_there,
    locate,
    quick_problems,
    verify,
)

_language = click.option(
    "--language", default="en", show_default=True, help="Code of the language that is spoken."
)
_name = click.argument("name", default=AUTO)


@click.group()
def model() -> None:
    """Fetch, list and check the speech models.

    NAME is a name from `swictation model list`, or auto: the smallest model that understands
    the language.
    """


def _catalog(context: click.Context) -> Sequence[ModelSpec]:
    return context.obj or CATALOG


class Meter:
    """Draws a bar for each step on a terminal, says each step once elsewhere."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._what = ""
        self._bar: Any = None

    def __call__(self, done_bytes: int, total_bytes: int | None, what: str) -> None:
        if self._quiet:
            return
        if what != self._what:
            self.close()
            self._what = what
            if total_bytes and sys.stderr.isatty():
                self._bar = click.progressbar(length=total_bytes, label=what, file=sys.stderr)
            else:
                size = f" ({total_bytes / 1e6:.0f} MB)" if total_bytes else ""
                click.echo(f"{what}{size}", err=True)
        if self._bar is not None:
            self._bar.update(done_bytes - self._bar.pos)

    def close(self) -> None:
        """End the line of the bar, if one is drawn."""
        if self._bar is not None:
            self._bar.render_finish()
            self._bar = None


@model.command()
@_name
@_language
@click.option("--quiet", is_flag=True, help="Say nothing unless something is wrong.")
@click.option("--force", is_flag=True, help="Fetch it again even if it is there.")
@click.pass_context
def download(context: click.Context, name: str, language: str, quiet: bool, force: bool) -> None:
    """Fetch the model NAME; every file is checked by its hash.

    Nothing is done when the model is already there.
    """
    spec = choose(name, language, _catalog(context))
    there = not force and not quick_problems(spec)
    if not there:
        meter = Meter(quiet=quiet)
        try:
            fetch_model(spec, meter, force=force)
        finally:
            meter.close()
    if not quiet:
        click.echo(f"{spec.name} is {'already there' if there else 'ready'}: {folder_of(spec)}")


class _Row(msgspec.Struct, frozen=True):
    name: str
    languages: tuple[str, ...]
    parameters: int
    size_mb: float
    installed: str
    licence: str


def _row(spec: ModelSpec) -> _Row:
    state = "no" if not is_there(spec) else "damaged" if quick_problems(spec) else "yes"
    size_mb = round(spec.size_bytes / 1e6, 1)
    return _Row(spec.name, spec.languages, spec.parameters, size_mb, state, spec.licence)


@model.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line and model.")
@click.pass_context
def list_(context: click.Context, as_json: bool) -> None:
    """List the models known by name."""
    rows = [_row(spec) for spec in _catalog(context)]
    if as_json:
        for row in rows:
            click.echo(msgspec.json.encode(row))
        return
    line = "{:<10} {:<14} {:>10} {:>8}  {:<9}  {}".format
    click.echo(line("NAME", "LANGUAGES", "PARAMETERS", "SIZE MB", "INSTALLED", "LICENCE"))
    for row in rows:
        languages = row.languages[0] if len(row.languages) == 1 else f"{len(row.languages)}"
        parameters = f"{row.parameters / 1e6:.0f} M"
        size = f"{row.size_mb:.0f}"
        click.echo(line(row.name, languages, parameters, size, row.installed, row.licence))


@model.command()
@_name
@_language
@click.pass_context
def path(context: click.Context, name: str, language: str) -> None:
    """Print the folder of the model NAME."""
    click.echo(locate(name, language, _catalog(context)).path)


@model.command("verify")
@_name
@_language
@click.pass_context
def verify_(context: click.Context, name: str, language: str) -> None:
    """Read every file of the model NAME and compare its hash."""
    spec = choose(name, language, _catalog(context))
    if not is_there(spec):
        raise absent(spec)
    if problems := verify(spec):
        raise damaged(spec, problems)
    click.echo(f"{spec.name} is sound: {folder_of(spec)}")
