"""`python -m tests.bench [NAME...]`: measure, print a table, write the figures as JSON."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before an engine's library is imported

import importlib
from pathlib import Path
from typing import Any

import click
import msgspec

from tests.bench import goals, machine
from tests.bench.context import Context
from tests.bench.corpus import MissingCorpus

NAMES = (
    "accuracy",
    "finals",
    "latency",
    "offline",
    "live",
    "gate",
    "level",
    "cuts",
    "detector",
    "desk",
    "onset",
    "vram",
    "soak",
    "canary.sizes",
    "canary.loading",
    "canary.steps",
    "canary.host",
)
"""Each a module of this package with `run(context)`; they run in this order."""
_CANARY = "canary"
"""A name for all of its own, whose figures stand under it and not under an embedded model's."""
_LONG = "soak"


@click.command()
@click.argument("names", nargs=-1, type=click.Choice([*NAMES, _CANARY]), metavar="[NAME]...")
@click.option("--model", type=click.Choice(["tiny.en", "base"]), default="tiny.en")
@click.option("--out", type=click.Path(path_type=Path), help="Add the figures to this JSON file.")
@click.option("--minutes", default=60.0, help="Minutes of looped sound for the soak.")
@click.option("--live-s", default=120.0, help="Seconds of sound to play in real time.")
def main(
    names: tuple[str, ...], model: str, out: Path | None, minutes: float, live_s: float
) -> None:
    """Measure the product on the recordings of $SWICTATION_SPEECH (default ../shared/speech).

    Without a NAME everything is measured but the soak, which takes minutes of one core, and
    `canary`, which needs no recordings but NeMo (tests/bench/canary).
    """
    context = Context(model, minutes, live_s)
    own: dict[str, Any] = {}
    chosen = _chosen(names)
    for name in chosen:
        click.echo(f"{name} ({model}) ...", err=True)  # noqa: TID251
        try:
            result = importlib.import_module(f"tests.bench.{name}").run(context)
        except MissingCorpus as missing:
            click.echo(f"skipped: {missing}", err=True)  # noqa: TID251
            return
        own[name] = {"machine": machine.describe(), **result}
        if out:
            group, _, part = name.rpartition(".")
            _add(out, group or model, part, own[name])
    if out is None:
        click.echo(msgspec.json.format(msgspec.json.encode(own), indent=1).decode())  # noqa: TID251
    click.echo(goals.as_text(goals.judge(model, own, chosen)))  # noqa: TID251


def _chosen(names: tuple[str, ...]) -> tuple[str, ...]:
    """Those that were named, or the embedded engine's."""
    if not names:
        return tuple(name for name in NAMES if name != _LONG and "." not in name)
    wanted = {*names}
    if _CANARY in wanted:
        wanted |= {name for name in NAMES if name.startswith(f"{_CANARY}.")}
    return tuple(name for name in NAMES if name in wanted)


def _add(out: Path, model: str, name: str, result: dict[str, Any]) -> None:
    """Replace one benchmark's figures; the file is read anew, for others may have written to it."""
    figures = msgspec.json.decode(out.read_bytes()) if out.exists() else {}
    figures.setdefault(model, {})[name] = result
    out.write_bytes(msgspec.json.format(msgspec.json.encode(figures), indent=1) + b"\n")


main()
