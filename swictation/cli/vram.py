"""`swictation vram`: the graphics card's memory."""

import importlib

import click

_COMMANDS = {
    "watch": "swictation.cli.vram_watch:watch",
    "reset": "swictation.cli.vram_reset:reset",
    "record": "swictation.cli.vram_record:record",
    "simulate": "swictation.cli.vram_simulate:simulate",
}


class _LazyGroup(click.Group):
    """As the program's own: each command brings libraries that the others do without."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, name = _COMMANDS[cmd_name].split(":")
        return getattr(importlib.import_module(module), name)


@click.group(cls=_LazyGroup)
def vram() -> None:
    """Watch, record and replay the memory of the graphics card."""
