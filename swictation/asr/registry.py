"""Finds engines by entry point, so that other packages can bring some."""

import functools
import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import msgspec

from swictation.asr.engine import Engine, EngineSpec
from swictation.asr.provider import EngineProvider
from swictation.config.render import closest
from swictation.config.settings import DEFAULT_ENGINE
from swictation.errors import EngineError
from swictation.gpu.effects import MemoryForecast
from swictation.remedies import pip

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "swictation.engines"
CONTRACT = "what an engine has to offer: docs/engine.md"


class Providers(Mapping[str, EngineProvider]):
    """The providers of all installed engines, by name, the default engine's first.

    `[]` raises EngineError for a broken provider. Iteration leaves it out: see `broken`.
    """

    def __getitem__(self, name: str) -> EngineProvider:
        return _provider(entries()[name])

    def __iter__(self) -> Iterator[str]:
        bad = broken()
        return (name for name in entries() if name not in bad)

    def __len__(self) -> int:
        return sum(1 for _ in self)


PROVIDERS = Providers()


def entries() -> "dict[str, EntryPoint]":
    """The entry points by name, the default engine's first, whether or not they can be loaded."""
    return _entries(tuple(sys.path))


def names() -> list[str]:
    """The engines that are installed, whether or not they can be loaded."""
    return sorted(entries())


def broken() -> dict[str, EngineError]:
    """The engines that are installed and cannot be used, and what to do about it."""
    found: dict[str, EngineError] = {}
    for name, entry in entries().items():
        try:
            _provider(entry)
        except EngineError as error:
            found[name] = error
    return found


def provider(name: str) -> EngineProvider:
    """The provider of the engine `name`.

    Raises:
        EngineError: there is no such engine, or it is broken.
    """
    if entry := entries().get(name):
        return _provider(entry)
    known = names()
    meant = closest(name, known)
    hint = f" Did you mean {meant}?" if meant else ""
    raise EngineError(
        f"There is no engine called {name!r}, only {', '.join(known)}.{hint}",
        "correct --engine, or in the configuration [asr] engine and cpu_engine: "
        "swictation config check",
    )


def find(name: str) -> EngineProvider | None:
    """The provider of the engine `name`; None if there is none that works."""
    try:
        return PROVIDERS.get(name)
    except EngineError:
        return None


def is_for_gpu(name: str) -> bool:
    """Whether the engine `name` is made for a GPU."""
    found = find(name)
    return found is not None and found.is_for_gpu


def memory_forecast(spec: EngineSpec) -> MemoryForecast | None:
    """The GPU memory that `spec` will take; None if its engine does not know it yet."""
    found = find(spec.engine) if spec.device == "cuda" else None
    return found.memory_forecast(spec) if found else None


def unpacker(path: str) -> EngineProvider | None:
    """The provider whose engine unpacks the archive of that name; None: it is no archive."""
    return next(
        (
            each
            for each in PROVIDERS.values()
            if each.archive_ending and path.endswith(each.archive_ending)
        ),
        None,
    )


def load(spec: EngineSpec) -> Engine:
    """Load the engine that `spec` names. Imports its libraries: worker only.

    Raises:
        EngineError: there is no such engine, its libraries are missing, or it cannot be loaded.
        Exception: any error of the engine.
    """
    engine = provider(spec.engine)
    try:
        return engine.load(spec)
    except ImportError as error:
        if reason := engine.unavailable():
            raise reason from error
        raise EngineError(
            f"The engine {spec.engine} lacks a library that it needs: {error}.",
            _again(_package(spec.engine)),
        ) from error


def _provider(entry: "EntryPoint") -> EngineProvider:
    """Load a provider. Raises EngineError: it is broken, or made for another version."""
    package = _package(entry.name)
    try:
        kind: object = entry.load()
        if isinstance(kind, type) and issubclass(kind, EngineProvider):
            found = kind(entry.name)
            msgspec.structs.fields(found.settings())  # raises if that is no table
            return found
    except Exception as error:  # a plug-in may raise anything
        raise EngineError(
            f"The engine {entry.name} cannot be used: {entry.value} is missing or broken"
            f" ({type(error).__name__}: {error}).",
            _again(package),
        ) from error
    raise EngineError(
        f"The engine {entry.name} is not made for this version: {entry.value} is no"
        " EngineProvider.",
        f"update {package}; {CONTRACT}",
    )


def _again(package: str) -> str:
    if package == "swictation":
        return "it was updated but not installed again; in its folder: make"
    return f"reinstall {package}, or remove it: {pip('uninstall')} {package}"


def _package(name: str) -> str:
    """The name of the package that brings the engine."""
    found = entries()[name].dist
    return found.name if found else name


@functools.lru_cache(maxsize=1)
def _entries(path: tuple[str, ...]) -> "dict[str, EntryPoint]":
    """Find all entry points, which takes milliseconds. `path`: where packages are searched."""
    from importlib.metadata import entry_points

    found: dict[str, EntryPoint] = {}
    for entry in entry_points(group=GROUP):
        found.setdefault(entry.name, entry)
    order = sorted(found, key=lambda name: (name != DEFAULT_ENGINE, name))
    return {name: found[name] for name in order}
