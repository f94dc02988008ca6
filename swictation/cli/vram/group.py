"""`swictation vram`: the GPU's memory."""

import click

from swictation.cli.groups import lazy_group

_COMMANDS = {
    "watch": "swictation.cli.vram.watch:watch",
    "reset": "swictation.cli.vram.reset:reset",
    "record": "swictation.cli.vram.record:record",
    "simulate": "swictation.cli.vram.simulate:simulate",
}


@click.group(cls=lazy_group(_COMMANDS))
def vram() -> None:
    """Watch, record and replay the memory of the GPU."""
