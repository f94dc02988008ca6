"""The only way in which a command prints: lines for people, or JSON."""

from pathlib import Path

import click

from swictation.shown import json_line, printable, printable_lines


def echo(text: str | Path = "", *, err: bool = False, nl: bool = True) -> None:
    """Print a line on stdout, or on stderr; nothing in the text can control the terminal."""
    click.echo(printable(str(text)), err=err, nl=nl)  # noqa: TID251 - only here


def echo_lines(text: str, *, err: bool = False, nl: bool = True) -> None:
    """Print text of our own that has several lines; a name in it is `printable` already."""
    click.echo(printable_lines(text), err=err, nl=nl)  # noqa: TID251 - only here


def echo_json(value: object) -> None:
    """Print one line of JSON."""
    click.echo(json_line(value).encode())  # noqa: TID251 - JSON is UTF-8
