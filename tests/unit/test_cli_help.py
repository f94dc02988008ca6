"""The command line as newcomers meet it: help, habits and typos."""

import click
import pytest
from click.testing import CliRunner

from swictation.cli.main import cli

pytestmark = pytest.mark.unit


def commands(group=cli, path=()):
    """Each command of the program, as the words that call it."""
    yield path, group
    if isinstance(group, click.Group):
        context = click.Context(group)
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            assert command
            yield from commands(command, (*path, name))


@pytest.mark.parametrize("columns", [60, 80])
@pytest.mark.parametrize("path", [path for path, _ in commands()], ids=" ".join)
def test_no_line_of_a_help_is_cut(path, columns):
    done = CliRunner().invoke(cli, [*path, "--help"], terminal_width=columns)
    assert done.exit_code == 0
    lines = [line for line in done.output.splitlines() if not line.startswith("Usage:")]
    assert not [line for line in lines if line.endswith("...")]


@pytest.mark.parametrize(
    "path", [path for path, it in commands() if isinstance(it, click.Group)], ids=" ".join
)
def test_a_group_alone_prints_its_help(path):
    done = CliRunner().invoke(cli, list(path))
    assert (done.exit_code, done.output.splitlines()[0][:6]) == (0, "Usage:")
    assert done.output == CliRunner().invoke(cli, ["help", *path]).output


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("togle", "toggle"),
        ("models", "model"),
        ("service uninstall", "service remove"),
        ("model ls", "model list"),
        ("model delete", "model remove"),
        ("paste", "paste-last"),
        ("conf", "config"),
        ("xyzzy", "--help"),
    ],
)
def test_a_command_that_is_not_there_is_answered_with_the_one_that_is_meant(typed, meant):
    done = CliRunner().invoke(cli, typed.split(), standalone_mode=False)
    assert done.exception.message.endswith(f"{typed}'.")
    assert done.exception.remedy.endswith(f" {meant}")
