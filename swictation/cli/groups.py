"""Groups of commands: help without a command, a suggestion for a typo, imports only on use."""

import importlib

import click

from swictation.errors import UsageError

_MEANT = {
    "add": ("download", "install"),
    "delete": ("remove",),
    "disable": ("remove",),
    "enable": ("install",),
    "get": ("download",),
    "ls": ("list",),
    "paste": ("paste-last",),
    "rm": ("remove",),
    "uninstall": ("remove",),
    "validate": ("check",),
}
"""What people type by habit, and our commands that do it."""


class Group(click.Group):
    """A group of commands.

    Without a command it prints its help. `help` works as a command. For an unknown command the
    error suggests the one that was probably meant.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args[:1] == ["help"]:  # `help model list` is `model list --help`
            args = [*args[1:], "--help"]
        if not args and not ctx.resilient_parsing:
            args = ["--help"]
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name.startswith("-") or ctx.resilient_parsing or self.get_command(ctx, name):
            return super().resolve_command(ctx, args)
        meant = self._meant(ctx, name)
        raise UsageError(
            f"There is no command '{ctx.command_path} {name}'.",
            f"{ctx.command_path} {meant or '--help'}",
        )

    def _meant(self, ctx: click.Context, name: str) -> str:
        from swictation.config.render import closest  # only for a mistake: it takes time

        known = self.list_commands(ctx)
        habits = [command for command in _MEANT.get(name.lower(), ()) if command in known]
        return next(iter(habits), "") or closest(name, known)


def lazy_group(places: dict[str, str]) -> type[Group]:
    """A group that imports a command only when it is used: `--version` stays fast.

    `places`: each command's name with "module:attribute", in the order of the help.
    """

    class LazyGroup(Group):
        def list_commands(self, ctx: click.Context) -> list[str]:
            return list(places)

        def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
            if cmd_name not in places:
                return None
            module, name = places[cmd_name].split(":")
            return getattr(importlib.import_module(module), name)

    return LazyGroup
