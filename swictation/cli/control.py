"""`swictation toggle start stop cancel capture paste-last record`: tell the daemon what to do."""

import sys

import click

from swictation.cli.daemon import call
from swictation.cli.groups import Group
from swictation.control.status import count


@click.command()
def toggle() -> None:
    """Start dictating, or stop; prints the state that follows."""
    click.echo(call("Toggle", activate=True))


@click.command()
def start() -> None:
    """Start dictating."""
    click.echo(call("Start", activate=True))


@click.command()
def stop() -> None:
    """Stop dictating; what was said is still typed."""
    click.echo(call("Stop"))


@click.command()
def cancel() -> None:
    """Stop dictating, and drop what is not typed yet."""
    click.echo(call("Cancel"))


@click.command()
def capture() -> None:
    """Print one utterance instead of typing it.

    The exit code is 5 where nobody spoke.
    """
    if sys.stderr.isatty():
        click.echo("listening: speak now (Ctrl-C breaks it off)", err=True)
    click.echo(call("Capture", activate=True, limit_s=None))


@click.command(name="paste-last")
def paste_last() -> None:
    """Type the texts that are held, else the last one."""
    typed = call("PasteLast", limit_s=None)
    assert isinstance(typed, int), "the daemon's interface says so"
    click.echo(f"typed {count(typed, 'text')}")


@click.group(cls=Group)
def record() -> None:
    """start, stop, toggle and cancel, as other programs name them."""


for _command in (start, stop, toggle, cancel):
    record.add_command(_command)
