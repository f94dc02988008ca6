"""Groups whose commands are imported only when one is used: `--version` stays fast."""

import importlib

import click


def lazy_group(places: dict[str, str]) -> type[click.Group]:
    """For the commands of `places`: a name to "module:attribute", in the order of the help."""

    class LazyGroup(click.Group):
        def list_commands(self, ctx: click.Context) -> list[str]:
            return list(places)

        def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
            if cmd_name not in places:
                return None
            module, name = places[cmd_name].split(":")
            return getattr(importlib.import_module(module), name)

    return LazyGroup
