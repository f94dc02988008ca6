"""`swictation model`: the speech models on this machine."""

from pathlib import Path

import click

from swictation.asr import registry
from swictation.asr.model_spec import NEMO, ModelSpec
from swictation.asr.provider import EngineProvider
from swictation.cli.echo import echo
from swictation.cli.groups import Group
from swictation.cli.meter import Meter
from swictation.cli.model.list import list_
from swictation.config.load import load
from swictation.config.settings import DEFAULT_ENGINE
from swictation.errors import ModelError, UsageError
from swictation.models.catalog.catalog import AUTO, choose, named, speaking
from swictation.models.fetch import model_request
from swictation.models.fetch.fetch import download as fetch_model
from swictation.models.store import nemo_cache
from swictation.models.store.converting import Half, convert
from swictation.models.store.removing import remove, remove_unpacked
from swictation.models.store.store import (
    ModelLocation,
    absent,
    damaged,
    folder_of,
    given_archive,
    is_path,
    is_there,
    locate,
    quick_problems,
    verify,
)


def _known_engine(context: click.Context, option: click.Parameter, name: str) -> str:
    """Check the name. A `click.Choice` would look for engines each time the help is shown."""
    if name not in registry.names():
        known = ", ".join(map(repr, registry.PROVIDERS))
        raise click.BadParameter(f"{name!r} is not one of {known}.", param=option)
    return name


_language = click.option(
    "--language", default="en", show_default=True, help="Code of the spoken language."
)
_engine = click.option(
    "--engine",
    metavar="E",
    default=DEFAULT_ENGINE,
    show_default=True,
    callback=_known_engine,
    help="Engine for which auto chooses a model.",
)
_name = click.argument("name", default=AUTO)


@click.group(cls=Group)
def model() -> None:
    """Download, list, check, convert and remove speech models.

    NAME is a name from `swictation model list`, or auto: the engine's first model that understands
    the language or, for an engine made for GPUs, the best one that fits the GPU.
    """


model.add_command(list_)


def _spec(name: str, language: str, engine: str) -> ModelSpec:
    """The model that is meant. For an engine made for GPUs, auto asks the GPU if it has to."""
    if name == AUTO and registry.provider(engine).is_for_gpu:
        settings = load(None, registry.PROVIDERS).settings
        choice = model_request.for_gpu(speaking(engine, language), settings)
        if not choice.name:
            raise ModelError(choice.reason, "name one of: swictation model list")
        name = choice.name
    known = named(name)
    return choose(name, language, known.engine if known else engine)


@model.command()
@_name
@_language
@_engine
@click.option("--quiet", is_flag=True, help="Print nothing unless something is wrong.")
@click.option("--force", is_flag=True, help="Download it again even if it is there.")
def download(name: str, language: str, engine: str, quiet: bool, force: bool) -> None:
    """Download the model NAME, or unpack a .nemo of your own.

    Every file is checked against its published hash, if there is one. A model that is already
    there is not downloaded again. Interrupted downloads resume. If NAME is the path of a `.nemo`,
    that file is unpacked.
    """
    if is_path(name):
        there, place, label = _unpack(Path(name).expanduser().absolute(), quiet=quiet)
    else:
        spec = _spec(name, language, engine)
        place, label = folder_of(spec), spec.name
        there = not force and not quick_problems(spec)
        if not there:
            with Meter(quiet=quiet) as meter:
                fetch_model(spec, meter, force=force)
    if not quiet:
        echo(f"{label} is {'already there' if there else 'ready'}: {place}")


def _unpack(path: Path, *, quiet: bool) -> tuple[bool, Path, str]:
    there = nemo_cache.is_unpacked(path)
    with Meter(quiet=quiet) as meter:
        return there, nemo_cache.unpack_once(path, meter), path.name


@model.command()
@_name
@_language
@_engine
def path(name: str, language: str, engine: str) -> None:
    """Print the folder of the model NAME."""
    if not is_path(name):
        spec = _spec(name, language, engine)
        name, engine = spec.name, spec.engine
    elif found := registry.unpacker(name):
        engine = found.name
    place = locate(name, language, engine, is_to_load=False)
    echo(place.path)


@model.command("verify")
@_name
@_language
@_engine
def verify_(name: str, language: str, engine: str) -> None:
    """Read every file of the model NAME and check its hash.

    The hash must be the published one or, if none was published, the one recorded when the model
    was downloaded. If NAME is the path of a `.nemo` of your own, its unpacked copy must have the
    hashes recorded when it was unpacked.
    """
    if is_path(name):
        _verify_unpacked(_archive(name))
        return
    spec = _spec(name, language, engine)
    if not is_there(spec):
        raise absent(spec)
    if given_archive(spec):
        raise damaged(spec, ())
    if problems := verify(spec):
        raise damaged(spec, problems)
    note = "" if spec.is_pinned else " (as when it was downloaded: no hashes were published)"
    echo(f"{spec.name} is sound: {folder_of(spec)}{note}")


def _archive(name: str) -> Path:
    """The `.nemo` at that path. Raises UsageError: a folder of the user's own has no hashes."""
    path = Path(name).expanduser().absolute()
    if path.name.endswith(NEMO):
        return path
    raise UsageError(
        f"{path} is your own folder: its files cannot be checked, and none of them is removed.",
        "give the path of a .nemo, or a name from: swictation model list",
    )


def _verify_unpacked(path: Path) -> None:
    if problems := nemo_cache.verify(path):
        raise nemo_cache.damaged(path, problems)
    echo(f"{path.name} is sound: {nemo_cache.place_of(path)} (as when it was unpacked)")


@model.command("convert")
@click.argument("name")
@click.option("--precision", type=click.Choice(["fp16", "bf16"]), default="fp16", show_default=True)
def convert_(name: str, precision: Half) -> None:
    """Convert a model's weights to half precision.

    The copy is kept beside the model: later loads read half as much and need half the memory.
    NAME may also be a folder or a `.nemo` of your own.
    """
    engine, place = _convertible(name)
    with Meter() as meter:
        done = convert(engine, place.path, place.name, precision, meter)
    sizes = f"{done.before_bytes / 1e6:.0f} MB, now also {done.after_bytes / 1e6:.0f} MB"
    echo(f"{place.name}: {sizes}: {done.after}")


def _convertible(name: str) -> tuple[EngineProvider, ModelLocation]:
    """Where that model is, and whose it is. Raises ModelError."""
    converting = [it for it in registry.PROVIDERS.values() if it.converter]
    if is_path(name):
        if not converting:
            raise ModelError(
                "None of the engines installed here converts models.", "swictation model list"
            )
        given = Path(name).expanduser().absolute()
        if name.endswith(NEMO):
            _unpack(given, quiet=False)
        return converting[0], locate(name, "en", converting[0].name)
    spec = named(name) or choose(name, "en", "")
    engine = registry.provider(spec.engine)
    if not engine.converter:
        names = ", ".join(it.name for it in converting)
        others = f"for the models of {names}, which can be converted: " if names else ""
        raise ModelError(
            f"{spec.name} needs no conversion: the engine {spec.engine} converts while it loads.",
            f"{others}swictation model list",
        )
    return engine, locate(name, spec.languages[0], engine.name)


@model.command("remove")
@click.argument("name")
def remove_(name: str) -> None:
    """Remove the model NAME from this machine.

    What an interrupted download left is removed, too. If NAME is the path of a `.nemo` of your own,
    its unpacked copy is removed and the file itself is kept.
    """
    if is_path(name):
        path = _archive(name)
        freed_bytes = remove_unpacked(path)
        kept = f"; {path} itself is kept" if path.exists() else ""
        freed = f"{freed_bytes / 1e6:.0f} MB are free again"
        echo(f"the unpacked copy of {path.name} is removed: {freed}{kept}")
        return
    spec = named(name) or choose(name, "en", "")  # for its error, if the name is unknown
    freed_bytes = remove(spec)
    echo(f"{spec.name} is removed: {freed_bytes / 1e6:.0f} MB are free again")
