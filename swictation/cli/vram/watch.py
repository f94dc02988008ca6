"""`swictation vram watch`: the GPU's memory, live in the terminal."""

import asyncio
import sys
import termios
from collections.abc import Generator
from contextlib import contextmanager

import click
from rich.console import Console
from rich.live import Live

from swictation.cli.status import follow_until_ended, read_now
from swictation.cli.vram.picture import History, picture
from swictation.control.status import Status
from swictation.errors import UsageError
from swictation.remedies import noted

_EVERY_S = 1.0


@click.command()
@click.option("--once", is_flag=True, help="Show the state now, once.")
def watch(once: bool) -> None:
    """Show who holds the GPU's memory, until Ctrl-C.

    Also shows the level of use and what the daemon does about it. It asks the daemon and never
    the GPU, so it keeps no GPU awake.
    """
    console = Console(highlight=False)
    if once:
        _show_once(console)
    elif not console.is_terminal:
        raise UsageError(
            "The output is not a terminal, so nothing can be shown live.",
            noted("swictation vram watch --once", "or: swictation status --follow"),
        )
    else:
        asyncio.run(_watch(console))


def _show_once(console: Console) -> None:
    status = read_now()
    history = History()
    history.add(status.vram)
    console.print(picture(status, history, console.width))


@contextmanager
def _silent_keys() -> Generator[None]:
    """Turn echo off: text typed or dictated here must not be written into the picture."""
    if not sys.stdin.isatty():
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    silent = [*before]
    silent[3] &= ~termios.ECHO
    termios.tcsetattr(sys.stdin, termios.TCSANOW, silent)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSAFLUSH, before)


async def _watch(console: Console) -> None:
    history = History()
    with _silent_keys(), Live(console=console, auto_refresh=False) as live:

        def show(status: Status) -> None:
            history.add(status.vram)
            live.update(picture(status, history, console.width), refresh=True)

        await follow_until_ended(show, _EVERY_S)
