"""`swictation vram reset`: let the engine onto the GPU again."""

import click

from swictation.cli.daemon import call
from swictation.cli.echo import echo


@click.command()
def reset() -> None:
    """Let the engine try the GPU again.

    Forgets what keeps it off: three dead workers, cool-downs, pauses.

    Prints where speech is transcribed now: gpu, cpu, or none. The GPU is used again once it has
    room and a worker on it has passed its validation.
    """
    echo(str(call("ResetCard")))
