"""`swictation toggle start stop cancel capture paste-last retry record`: what the daemon does."""

import sys

import click

from swictation.cli.daemon import call
from swictation.cli.echo import echo
from swictation.cli.groups import Group
from swictation.control.bus.client import other_version
from swictation.control.status import count
from swictation.hardening import hide_memory
from swictation.remedies import typeable
from swictation.text.characters import cleaned


@click.command()
def toggle() -> None:
    """Start dictating, or stop; prints the state that follows."""
    echo(str(call("Toggle", activate=True)))


@click.command()
def start() -> None:
    """Start dictating."""
    echo(str(call("Start", activate=True)))


@click.command()
def stop() -> None:
    """Stop dictating; what was said is still typed."""
    echo(str(call("Stop")))


@click.command()
def cancel() -> None:
    """Stop, and drop what is not typed yet, held or set aside."""
    echo(str(call("Cancel")))


@click.command()
def capture() -> None:
    """Print one utterance instead of typing it.

    The exit code is 5 where nobody spoke.
    """
    hide_memory()
    if sys.stderr.isatty():
        echo("listening: speak now (Ctrl-C breaks it off)", err=True)
    text = cleaned(str(call("Capture", activate=True, limit_s=None)))
    click.echo(text)  # noqa: TID251 - joiners and all, as it would be typed


@click.command(name="paste-last")
def paste_last() -> None:
    """Type the texts that are held, else the last one."""
    typed = _number("PasteLast")
    none = "typed nothing: what was held has arrived by itself"
    echo(f"typed {count(typed, 'text')}" if typed else none)


def _number(method: str) -> int:
    """What the daemon answers to `method`, which may take its time."""
    answer = call(method, limit_s=None)
    if not isinstance(answer, int):
        raise other_version()
    return answer


@click.command()
def retry() -> None:
    """Try speech again on which the engine died.

    The daemon names what it has set aside. What comes of it is held, for paste-last.
    """
    came = _number("Retry")
    if came:
        it = "it" if came == 1 else "them"
        echo(f"{count(came, 'text')} held; to type {it}: {typeable('swictation paste-last')}")
    else:
        echo("there were no words in it")


@click.group(cls=Group)
def record() -> None:
    """start, stop, toggle and cancel, as other programs name them."""


for _command in (start, stop, toggle, cancel):
    record.add_command(_command)
