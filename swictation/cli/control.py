"""`swictation toggle start stop cancel capture paste-last retry record`: calls to the daemon."""

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
    """Start or stop dictating, and print the new state."""
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

    The exit code is 5 if nobody spoke.
    """
    hide_memory()
    if sys.stderr.isatty():
        echo("listening: speak now (Ctrl-C cancels it)", err=True)
    text = cleaned(str(call("Capture", activate=True, limit_s=None)))
    click.echo(text)  # noqa: TID251 - joiners and all, as it would be typed


@click.command(name="paste-last")
def paste_last() -> None:
    """Type the held texts; if there are none, the last text again."""
    typed = _number("PasteLast")
    none = "typed nothing: what was held has arrived by itself"
    echo(f"typed {count(typed, 'text')}" if typed else none)


def _number(method: str) -> int:
    """The daemon's answer to `method`, which may take as long as it likes."""
    answer = call(method, limit_s=None)
    if not isinstance(answer, int):
        raise other_version()
    return answer


@click.command()
def retry() -> None:
    """Transcribe again the speech on which the engine died.

    `swictation status` lists what is set aside. The text is held, for paste-last.
    """
    came = _number("Retry")
    if came:
        it = "it" if came == 1 else "them"
        echo(f"{count(came, 'text')} held; to type {it}: {typeable('swictation paste-last')}")
    else:
        echo("no words were recognised in it")


@click.group(cls=Group)
def record() -> None:
    """Other programs' name for start, stop, toggle and cancel."""


for _command in (start, stop, toggle, cancel):
    record.add_command(_command)
