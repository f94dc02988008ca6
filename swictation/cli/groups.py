"""Groups of commands: help without a command, a suggestion for a typo, imports only on use."""

import importlib
import shlex

import click

from swictation import remedies
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

_ELSEWHERE = {
    "check": "swictation config check",
    "devices": "swictation doctor",
    "download": "swictation model download",
    "engines": "swictation model list",
    "install": "swictation service install",
    "languages": "swictation model list",
    "list": "swictation model list",
    "microphones": "swictation doctor",
    "settings": "swictation config show",
    "uninstall": "swictation service remove",
    "version": "swictation --version",
}
"""What does it where the command is sought at the top."""


_WHOLE = 200
"""Characters of a command's summary, none of which is so long."""


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
        typed = args.copy()  # click takes the words out
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            command = next((word for word in typed if self.get_command(ctx, word)), "")
            if not command:
                meant = next(iter(error.possibilities or ()), "--help")
                raise UsageError(error.format_message(), f"{ctx.command_path} {meant}") from error
            typed.remove(command)
            message = f"The option {error.option_name} belongs behind the command."
            words = shlex.join([command, *typed])
            raise UsageError(message, f"{ctx.command_path} {words}") from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """All of each summary, which is wrapped where the terminal is narrow."""
        names = self.list_commands(ctx)
        commands = [(name, self.get_command(ctx, name)) for name in names]
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, it.get_short_help_str(_WHOLE)) for name, it in commands if it]
            )

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name.startswith("-") or ctx.resilient_parsing or self.get_command(ctx, name):
            return super().resolve_command(ctx, args)
        message = f"There is no command '{ctx.command_path} {name}'."
        raise UsageError(message, self._meant(ctx, name, args[1:]))

    def _meant(self, ctx: click.Context, name: str, arguments: list[str]) -> str:
        """What to type instead, with the same arguments."""
        from swictation.config.render import closest  # only for a mistake: it takes time

        if remedy := _elsewhere(ctx.command_path, name.lower()):
            return remedy
        known = self.list_commands(ctx)
        habits = [command for command in _MEANT.get(name.lower(), ()) if command in known]
        meant = next(iter(habits), "") or closest(name, known)
        words = [meant, *arguments] if meant else ["--help"]
        return f"{ctx.command_path} {shlex.join(words)}"


def _elsewhere(group: str, name: str) -> str:
    """What does that, if it is no command of this group; "" if nothing is known of it."""
    if place := _ELSEWHERE.get(name, "") if group == "swictation" else "":
        return place
    if group not in ("swictation", "swictation service"):
        return ""
    match name:
        case "start":
            return remedies.start()
        case "restart":
            return remedies.restart()
        case "stop" | "reload" if remedies.has_service():
            return f"systemctl --user {name} swictation"
        case _:
            return ""


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
