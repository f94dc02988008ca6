"""Shows the progress of a command."""

import sys
from typing import Any, Self

import click

from swictation.cli.echo import echo
from swictation.shown import printable


class Meter:
    """While entered: draws a bar for each step on a terminal; elsewhere prints each step once."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._what = ""
        self._bar: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end_bar()

    def __call__(self, done_bytes: int, total_bytes: int | None, what: str) -> None:
        if self._quiet:
            return
        what = printable(what)
        if what != self._what:
            self._end_bar()
            self._what = what
            if total_bytes and sys.stderr.isatty():
                self._bar = click.progressbar(length=total_bytes, label=what, file=sys.stderr)
            else:
                size = f" ({total_bytes / 1e6:.0f} MB)" if total_bytes else ""
                echo(f"{what}{size}", err=True)
        if self._bar is not None:
            self._bar.update(done_bytes - self._bar.pos)

    def _end_bar(self) -> None:
        if self._bar is not None:
            self._bar.render_finish()
            self._bar = None
