"""The only way in which a command prints: lines for people, or JSON."""

from pathlib import Path

import click

from swictation.shown import json_line, printable_lines


def echo(text: str | Path = "", *, err: bool = False, nl: bool = True) -> None:
    """Print on stdout, or on stderr; nothing in the text can control the terminal."""
    click.echo(printable_lines(str(text)), err=err, nl=nl)  # noqa: TID251 - only here


def echo_json(value: object) -> None:
    """Print one line of JSON."""
    click.echo(json_line(value).encode())  # noqa: TID251 - JSON is UTF-8
