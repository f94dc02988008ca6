"""`swictation vram reset`: let the engine onto the card again."""

import click

from swictation.cli.echo import echo
from swictation.control.client import call


@click.command()
def reset() -> None:
    """Forget what keeps the engine off the card: three dead workers, cool-downs, pauses.

    Prints where speech is transcribed at present: gpu, cpu, or none. The card is used again once
    it has room and has proved itself.
    """
    echo(str(call("ResetCard")))
