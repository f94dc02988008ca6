"""`swictation completion`: the script with which a shell completes commands and options."""

import click
from click.shell_completion import get_completion_class

from swictation.cli.main import cli

_HELP = """Print the completion script of a shell.

\b
To install it, type once:
  bash  swictation completion bash > ~/.local/share/bash-completion/completions/swictation
  zsh   swictation completion zsh > ~/.zfunc/_swictation
  fish  swictation completion fish > ~/.config/fish/completions/swictation.fish

The folder must exist (mkdir -p). For zsh it must be in fpath before compinit in ~/.zshrc:
fpath+=~/.zfunc; autoload -Uz compinit; compinit. Then open a new shell.
"""


@click.command(help=_HELP)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """See `_HELP`."""
    completer = get_completion_class(shell)
    assert completer is not None, "click knows the three shells of the choice"
    script = completer(cli, {}, "swictation", "_SWICTATION_COMPLETE").source()
    click.echo(script)  # noqa: TID251 - our own, with tabs
