"""`swictation doctor`: whether all that dictation needs works, and what to type if not."""

import os
from pathlib import Path

import click

from swictation.cli.echo import echo_json
from swictation.doctor.checks import examine
from swictation.doctor.finding import Finding, Level, summary, worst
from swictation.remedies import typeable
from swictation.shown import printable

_EXIT_CODES: dict[Level, int] = {"ok": 0, "warning": 4, "error": 1}
_COLOURS: dict[Level, str] = {"ok": "green", "warning": "yellow", "error": "red"}
_LEVEL_WIDTH = len("warning")
_NAME_WIDTH = len("configuration")
_INDENT = " " * (_LEVEL_WIDTH + _NAME_WIDTH + 4)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of lines.")
@click.option(
    "--quick",
    is_flag=True,
    help="Do not read the whole model, start an engine, ask a driver or open the microphone.",
)
@click.option(  # the one in `common` would import numpy
    "--config",
    type=click.Path(path_type=Path),
    help="Configuration file instead of the default one (see: swictation config path).",
)
def doctor(as_json: bool, quick: bool, config: Path | None) -> int:
    """Check all that dictation needs, and say how to fix it.

    The exit code is 0 when all is well, 4 when there are warnings, 1 when there are errors.
    """
    findings: list[Finding] = []
    for finding in examine(config, quick=quick):
        findings.append(finding)
        if not as_json:
            _tell(finding)
    level = worst(findings)
    if as_json:
        echo_json({"level": level, "checks": findings})
    else:
        _echo(_styled(level, summary(findings)))
    return _EXIT_CODES[level]


def _tell(finding: Finding) -> None:
    mark = _styled(finding.level, finding.level.ljust(_LEVEL_WIDTH))
    first, *others = map(printable, finding.found.splitlines() or [""])
    _echo(f"{mark}  {finding.name.ljust(_NAME_WIDTH)}  {first}")
    for line in others:
        _echo(f"{_INDENT}{line}")
    if finding.remedy:
        _echo(f"  -> {printable(typeable(finding.remedy))}")


def _styled(level: Level, text: str) -> str:
    return click.style(text, fg=_COLOURS[level])


def _echo(line: str) -> None:
    """Print; click itself takes the colours out where stdout is no terminal."""
    click.echo(line, color=False if os.environ.get("NO_COLOR") else None)  # noqa: TID251
